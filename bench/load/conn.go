package main

import (
	"bytes"
	"fmt"
	"strings"
	"syscall"
)

// conn is one client connection, driven by the loop's thread alone.
type conn struct {
	fd int
	// upgraded is set once the server's 101 has been read.
	upgraded bool
	// watched is set while the loop waits for the socket to become writable.
	watched bool
	// rest is the beginning of a frame, or of the handshake's response, whose end has not arrived.
	rest []byte
	// unsent is the data that the kernel has not accepted yet.
	unsent []byte
	// onResponse takes data that is not WebSocket, and returns the part that has not arrived in full.
	onResponse func(c *conn, data []byte) (rest []byte, err error)
	// opened counts the replies to what the connection asked for after its handshake, as in opening.go.
	opened int
	// index of this connection in the job's paths.
	index int
}

// ipBindAddressNoPort lets connect() choose the port, so that ports are used up per pair of addresses. Not in syscall.
const ipBindAddressNoPort = 24

// connectionsPerSource is how many connections use one source address (127.0.0.1, 127.0.0.2 …): each has some 28,000 ports, also
// those of closed connections for a minute.
const connectionsPerSource = 5000

// dial connects and sends the upgrade request.
func dial(j job, index int) (*conn, error) {
	c, err := dialPlain(j, index)
	if err != nil {
		return nil, err
	}
	target, _, _ := strings.Cut(j.Paths[index], "#")
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", target, j.Port)
	return c, c.write([]byte(request))
}

// dialPlain connects and sends nothing. On loopback connect() returns at once, so it may block.
func dialPlain(j job, index int) (*conn, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket %d of %d: %w (is the limit on open files high enough?)", index, len(j.Paths), err)
	}
	c := &conn{fd: fd, index: index}
	syscall.SetsockoptInt(fd, syscall.IPPROTO_IP, ipBindAddressNoPort, 1)
	syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	source := &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + index/connectionsPerSource)}}
	if err := syscall.Bind(fd, source); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: j.Port}); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		return nil, err
	}
	return c, nil
}

// write sends data, or keeps what the kernel does not accept; the loop sends the rest when there is room.
func (c *conn) write(data []byte) error {
	if len(c.unsent) > 0 {
		c.unsent = append(c.unsent, data...)
		return nil
	}
	n, err := rawWrite(c.fd, data)
	if err != 0 && err != syscall.EAGAIN {
		return fmt.Errorf("connection %d: write: %w", c.index, err)
	}
	c.unsent = append(c.unsent, data[n:]...)
	return nil
}

// flush sends the data that write had to keep.
func (c *conn) flush() error {
	pending := c.unsent
	c.unsent = nil
	return c.write(pending)
}

// parseHandshake splits the response to the upgrade request off data. ok is false while its end has not arrived.
func parseHandshake(data []byte) (rest []byte, ok bool, err error) {
	head, rest, found := bytes.Cut(data, []byte("\r\n\r\n"))
	if !found {
		return data, false, nil
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) {
		status, _, _ := strings.Cut(string(head), "\r\n")
		return nil, false, fmt.Errorf("the server refused the upgrade: %s %s", status, rest)
	}
	return rest, true, nil
}
