// SPDX-License-Identifier: Apache-2.0
package main

// The real step-ca server out of Debian's golang-github-smallstep-certificates-dev, started as its own
// command starts it. With -port-file it takes a free port of its address and says which.

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/smallstep/certificates/authority"
	"github.com/smallstep/certificates/authority/config"
	"github.com/smallstep/certificates/ca"
	_ "github.com/smallstep/certificates/cas"
	_ "github.com/smallstep/certificates/kms/softkms"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "step-ca:", err)
		os.Exit(1)
	}
}

func main() {
	file := flag.String("config", "ca.json", "configuration file")
	portFile := flag.String("port-file", "", "write the chosen port here")
	flag.Parse()
	authority.GlobalVersion.Version = "0.19.0"
	cfg, err := config.LoadConfiguration(*file)
	fail(err)
	if *portFile != "" {
		probe, err := net.Listen("tcp", cfg.Address)
		fail(err)
		cfg.Address = probe.Addr().String()
		probe.Close()
	}
	srv, err := ca.New(cfg, ca.WithConfigFile(*file), ca.WithPassword([]byte(os.Getenv("CA_KEY_PASSWORD"))))
	fail(err)
	go ca.StopReloaderHandler(srv)
	if *portFile != "" {
		_, port, _ := net.SplitHostPort(cfg.Address)
		fail(os.WriteFile(*portFile, []byte(port+"\n"), 0o644))
	}
	if err := srv.Run(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		fail(err)
	}
}
