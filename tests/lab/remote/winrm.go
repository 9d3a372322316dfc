// winrm WAY HOST TEXT… — the Go library masterzen/winrm as a client: a line of JSON for each text.
//
// WAY: kerberos, kerberos-clear (5985), ntlm, basic.  The library has no Kerberos of its own; it takes any Transporter, and
// one over gokrb5 is what its users give it for a domain.
package main

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/spnego"
	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"
)

type kerberos struct {
	person *client.Client
	http   *http.Client
	url    string
	name   string
}

func (k *kerberos) Transport(e *winrm.Endpoint) error {
	tickets, err := credentials.LoadCCache(strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:"))
	if err != nil {
		return err
	}
	settings, err := config.Load("/etc/krb5.conf")
	if err != nil {
		return err
	}
	k.person, err = client.NewFromCCache(tickets, settings, client.DisablePAFXFAST(true))
	scheme := map[bool]string{true: "https", false: "http"}[e.HTTPS]
	k.url = fmt.Sprintf("%s://%s:%d/wsman", scheme, e.Host, e.Port)
	k.name = "HTTP/" + e.Host
	k.http = &http.Client{Timeout: e.Timeout,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: e.Insecure}}}
	return err
}

// Every message brings a ticket, over one connection.
func (k *kerberos) Post(_ *winrm.Client, message *soap.SoapMessage) (string, error) {
	request, err := http.NewRequest("POST", k.url, strings.NewReader(message.String()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/soap+xml;charset=UTF-8")
	if err = spnego.SetSPNEGOHeader(k.person, request, k.name); err != nil {
		return "", err
	}
	response, err := k.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != 200 {
		err = fmt.Errorf("http error %d: %s", response.StatusCode, body)
	}
	return string(body), err
}

func main() {
	way, host, texts := os.Args[1], os.Args[2], os.Args[3:]
	port := 5986
	if way == "kerberos-clear" {
		port = 5985
	}
	settings := *winrm.DefaultParameters
	switch way {
	case "kerberos", "kerberos-clear":
		settings.TransportDecorator = func() winrm.Transporter { return &kerberos{} }
	case "ntlm":
		settings.TransportDecorator = func() winrm.Transporter { return &winrm.ClientNTLM{} }
	}
	endpoint := winrm.NewEndpoint(host, port, port == 5986, true, nil, nil, nil, 30*time.Second)
	person, err := winrm.NewClientWithParameters(endpoint, os.Getenv("WINRM_USER"), os.Getenv("WINRM_PASSWORD"), &settings)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, text := range texts {
		out, problems, code, err := person.RunWithString(text, "")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		line, _ := json.Marshal(map[string]any{"code": code, "out": out, "err": problems})
		fmt.Println(string(line))
	}
}
