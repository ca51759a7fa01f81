#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real step-ca 0.19 and the real smallstep client, built from Debian's Go packages.
#   kit.sh build DIR          DIR/step-ca and DIR/steptool (kept between runs)
#   kit.sh start DIR RUN      a CA of three levels with provisioner iot-bridge in RUN; writes RUN/env
#   kit.sh stop RUN
# Exit 77 with a word where Go or the packages are missing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

skip() { echo "skipped: $1"; exit 77; }

build() {
  command -v go >/dev/null || skip "Go is not installed (golang-go)"
  [ -d /usr/share/gocode/src/github.com/smallstep/certificates ] ||
    skip "golang-github-smallstep-certificates-dev is not installed"
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  export GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=-buildvcs=false GOCACHE="$dir/go-cache"
  [ "$dir/step-ca" -nt "$here/server/main.go" ] || (cd "$here/server" && go build -o "$dir/step-ca" main.go 2>"$dir/build.log") || { cat "$dir/build.log"; exit 1; }
  [ "$dir/steptool" -nt "$here/steptool/main.go" ] || (cd "$here/steptool" && go build -o "$dir/steptool" main.go 2>"$dir/build.log") || { cat "$dir/build.log"; exit 1; }
}

# issue NAME CN ISSUER PATHLEN: a P-256 CA certificate in $pki
issue() {
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$pki/$1.key" 2>/dev/null ||
    openssl ecparam -name prime256v1 -genkey -noout -out "$pki/$1.key"
  openssl req -new -key "$pki/$1.key" -subj "/O=Example/CN=$2" -out "$pki/$1.csr"
  cat >"$pki/$1.ext" <<X
basicConstraints=critical,CA:TRUE,pathlen:$4
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
X
  if [ "$3" = self ]; then
    openssl x509 -req -in "$pki/$1.csr" -signkey "$pki/$1.key" -days 30 -extfile "$pki/$1.ext" -out "$pki/$1.crt" 2>/dev/null
  else
    openssl x509 -req -in "$pki/$1.csr" -CA "$pki/$3.crt" -CAkey "$pki/$3.key" -CAcreateserial -days 30 \
      -extfile "$pki/$1.ext" -out "$pki/$1.crt" 2>/dev/null
  fi
}

start() {
  bin=$(cd "$1" && pwd)
  mkdir -p "$2"
  run=$(cd "$2" && pwd)
  pki=$run/pki
  password=bridge-secret
  mkdir -p "$pki"
  umask 077
  issue root "Interop Root CA" self 2
  issue intermediate "Interop Intermediate CA" root 1
  issue sub "Tenant interop Issuing CA" intermediate 0
  cat "$pki/sub.crt" "$pki/intermediate.crt" >"$pki/sub_chain.crt"
  fingerprint=$(openssl x509 -in "$pki/root.crt" -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)
  provisioner=$("$bin/steptool" provisioner iot-bridge "$password")
  cat >"$run/ca.json" <<J
{"root":"$pki/root.crt","crt":"$pki/sub_chain.crt","key":"$pki/sub.key","address":"127.0.0.1:0",
 "dnsNames":["localhost","127.0.0.1"],"logger":{"format":"json"},
 "db":{"type":"badgerv2","dataSource":"$run/db","badgerFileLoadingMode":""},
 "authority":{"provisioners":[$provisioner]},
 "tls":{"cipherSuites":["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256","TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
  "minVersion":1.2,"maxVersion":1.3,"renegotiation":false}}
J
  rm -f "$run/port"
  CA_KEY_PASSWORD= "$bin/step-ca" -config "$run/ca.json" -port-file "$run/port" >"$run/step-ca.log" 2>&1 </dev/null &
  echo $! >"$run/pid"
  tries=0
  until [ -s "$run/port" ] && curl -sk "https://127.0.0.1:$(cat "$run/port")/health" >/dev/null; do
    kill -0 "$(cat "$run/pid")" 2>/dev/null || { echo "step-ca ended:"; cat "$run/step-ca.log"; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 100 ] || { echo "step-ca did not come up:"; cat "$run/step-ca.log"; exit 1; }
    sleep 0.1
  done
  cat >"$run/env" <<V
STEP_CA_URL=https://127.0.0.1:$(cat "$run/port")
STEP_CA_FINGERPRINT=$fingerprint
STEP_CA_PROVISIONER_NAME=iot-bridge
STEP_CA_PROVISIONER_PASSWORD=$password
V
}

stop() {
  [ -s "$1/pid" ] || return 0
  pid=$(cat "$1/pid")
  kill "$pid" 2>/dev/null || return 0
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ $tries -lt 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
  done
}

case "${1:-}" in
build) build "$2" ;;
start) start "$2" "$3" ;;
stop) stop "$2" ;;
*) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
