package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// tokenResult is the effect of sign-ins on an active pair: Windows[0] is before, the last while they run.
type tokenResult struct {
	trafficResult
	// SignedIn is how many were given a token in the last window.
	SignedIn int `json:"signedIn"`
}

// token has SignIns connections post the sign-in form, each again as soon as it gets a response, next to scheduled
// traffic.
func token(j job) (*tokenResult, error) {
	t, err := newTraffic(j)
	if err != nil {
		return nil, err
	}
	if err := t.begin(); err != nil {
		return nil, err
	}
	quiet, err := t.count(func() error { return t.runFor(seconds(j.Seconds)) })
	if err != nil {
		return nil, err
	}
	request := []byte(fmt.Sprintf("POST /token HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"+
		"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", j.Port, len(j.Form), j.Form))
	signedIn, asking := 0, true
	answer := func(c *conn, data []byte) ([]byte, error) {
		rest, status, whole := parseResponse(data)
		if !whole {
			return data, nil
		}
		if status != 200 {
			return nil, fmt.Errorf("POST /token returned %d: %s", status, data)
		}
		signedIn++
		if !asking {
			return rest, nil
		}
		return rest, c.write(request)
	}
	for i := 0; i < j.SignIns; i++ {
		c, err := dialPlain(j, 0)
		if err != nil {
			return nil, err
		}
		c.index, c.onResponse = len(j.Paths)+i, answer
		if err := t.loop.add(c); err != nil {
			return nil, err
		}
		if err := c.write(request); err != nil {
			return nil, err
		}
	}
	// The first of each are under way together; later ones follow as the server responds.
	if err := t.runFor(seconds(j.WarmUp)); err != nil {
		return nil, err
	}
	before := signedIn
	window, err := t.count(func() error { return t.runFor(2 * seconds(j.Seconds)) })
	if err != nil {
		return nil, err
	}
	result := &tokenResult{SignedIn: signedIn - before}
	asking = false
	result.counted, result.Windows = *window, []counted{*quiet, *window}
	err = t.end(&result.deviations)
	return result, err
}

// parseResponse splits an HTTP response with Content-Length off data. whole is false while its end has not arrived.
func parseResponse(data []byte) (rest []byte, status int, whole bool) {
	head, body, found := bytes.Cut(data, []byte("\r\n\r\n"))
	if !found || len(head) < 12 {
		return data, 0, false
	}
	status, _ = strconv.Atoi(string(head[9:12]))
	length := 0
	for _, line := range bytes.Split(head, []byte("\r\n"))[1:] {
		name, value, _ := bytes.Cut(line, []byte(":"))
		if bytes.EqualFold(name, []byte("content-length")) {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if len(body) < length {
		return data, 0, false
	}
	return body[length:], status, true
}
