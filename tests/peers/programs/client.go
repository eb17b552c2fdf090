// net/http as a client, `go run client.go BASE`: a request a line in, an answer a line out (see clients.py).
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

var transport = &http.Transport{DisableCompression: true, ExpectContinueTimeout: 30 * time.Second}

func one(base string, parts []string) (string, error) {
	var body io.Reader
	if parts[2] != "-" {
		size, _ := strconv.Atoi(parts[2])
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i % 251)
		}
		body = bytes.NewReader(data)
		if parts[3] == "chunked" {
			body = io.MultiReader(body) // hides its length
		}
	}
	request, err := http.NewRequest(parts[0], base+parts[1], body)
	if err != nil {
		return "", err
	}
	for _, field := range strings.Split(parts[5], "|") {
		if name, value, found := strings.Cut(field, ": "); found {
			request.Header.Set(name, value)
		}
	}
	client := &http.Client{Transport: transport, Timeout: 60 * time.Second}
	if parts[4] != "follow" {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	digest, kept := sha256.New(), &bytes.Buffer{}
	size, err := io.Copy(io.MultiWriter(digest, kept), response.Body)
	if err != nil {
		return "", err
	}
	small := ""
	if size <= 65536 {
		small = base64.StdEncoding.EncodeToString(kept.Bytes())
	}
	head := ""
	if response.ContentLength >= 0 {
		head = fmt.Sprintf("Content-Length: %d\n", response.ContentLength)
		response.Header.Del("Content-Length")
	}
	for name, values := range response.Header {
		for _, value := range values {
			head += name + ": " + value + "\n"
		}
	}
	return fmt.Sprintf("%d\t%d\t%s\t%s\t%s", response.StatusCode, size, hex.EncodeToString(digest.Sum(nil)), small,
		base64.StdEncoding.EncodeToString([]byte(head))), nil
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		said, err := one(os.Args[1], strings.Split(lines.Text(), "\t"))
		if err != nil {
			said = "failed\t" + strings.ReplaceAll(err.Error(), "\n", " ")
		}
		fmt.Println(said)
	}
}
