// SPDX-License-Identifier: Apache-2.0
// steptool: small helper built on the REAL smallstep Go libraries.
//   steptool provisioner NAME PASSWORD    -> {"type":"JWK","name":..,"key":public JWK,"encryptedKey":compact JWE}
//   steptool ott  CAURL FP NAME PASSWORD SUBJECT [SAN...]     -> OTT made by ca.Provisioner.Token
//   steptool enrol CAURL FP NAME PASSWORD SUBJECT [SAN...]    -> whole flow with ca.Client: bootstrap by fp, key, token, sign, renew, rekey, revoke
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"github.com/smallstep/certificates/api"
	"github.com/smallstep/certificates/ca"
	"go.step.sm/crypto/jose"
	"go.step.sm/crypto/x509util"
)

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func main() {
	a := os.Args[1:]
	switch a[0] {
	case "provisioner":
		pub, jwe, err := jose.GenerateDefaultKeyPair([]byte(a[2]))
		die(err)
		compact, err := jwe.CompactSerialize()
		die(err)
		die(json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
			"type": "JWK", "name": a[1], "key": pub, "encryptedKey": compact}))
	case "ott":
		p, err := ca.NewProvisioner(a[3], "", a[1], []byte(a[4]), ca.WithRootSHA256(a[2]))
		die(err)
		t, err := p.Token(a[5], a[6:]...)
		die(err)
		fmt.Println(t)
	case "enrol":
		p, err := ca.NewProvisioner(a[3], "", a[1], []byte(a[4]), ca.WithRootSHA256(a[2]))
		die(err)
		fmt.Println("provisioner", p.Name(), "kid", p.Kid())
		h, err := p.Health()
		die(err)
		v, err := p.Version()
		die(err)
		fmt.Println("health", h.Status, "version", v.Version)
		rr, err := p.Roots()
		die(err)
		fmt.Println("roots", len(rr.Certificates))
		t, err := p.Token(a[5], a[6:]...)
		die(err)
		req, pk, err := ca.CreateSignRequest(t)
		die(err)
		sr, err := p.Sign(req)
		die(err)
		show("sign", sr)
		tr := func(s *api.SignResponse, key interface{}) *http.Transport {
			c := tls.Certificate{PrivateKey: key}
			for _, x := range s.CertChainPEM {
				c.Certificate = append(c.Certificate, x.Raw)
			}
			pool := x509.NewCertPool()
			for _, r := range rr.Certificates {
				pool.AddCert(r.Certificate)
			}
			return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{c}}}
		}
		rn, err := p.Renew(tr(sr, pk))
		die(err)
		show("renew", rn)
		k2, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		die(err)
		csr, err := x509util.CreateCertificateRequest(a[5], a[6:], k2)
		die(err)
		rk, err := p.Rekey(&api.RekeyRequest{CsrPEM: api.NewCertificateRequest(csr)}, tr(rn, pk))
		die(err)
		show("rekey", rk)
		rv, err := p.Revoke(&api.RevokeRequest{Serial: rk.ServerPEM.SerialNumber.String(), ReasonCode: 1, Reason: "test", Passive: true}, tr(rk, k2))
		if err != nil {
			fmt.Println("revoke error:", err)
		} else {
			fmt.Println("revoke", rv.Status)
		}
	}
}

func show(w string, s *api.SignResponse) {
	c := s.ServerPEM
	fmt.Println(w, "serial", c.SerialNumber, "cn", c.Subject.CommonName, "dns", c.DNSNames, "uris", c.URIs, "nb", c.NotBefore, "na", c.NotAfter, "chain", len(s.CertChainPEM))
}
