package main

import (
	"bytes"
	"fmt"
	"strings"
)

// What a connection asks for after its handshake. It is behind the # of its path, and a connection is ready with the
// last of as many replies as Asked says.
//
//	Parley, the socket of a user: a frame, `open` or `inbox`
//	Centrifuge: channel=room-0,room-1, or nothing

var (
	openedType = []byte(`{"type":"opened"`)
	inboxType  = []byte(`{"type":"inbox",`)
)

// askAfterWelcome sends what is behind the # of c's path, if anything is.
func (t *trafficRun) askAfterWelcome(c *conn) error {
	if t.job.Asked == 0 {
		t.ready++
		return nil
	}
	_, frame, _ := strings.Cut(t.job.Paths[c.index], "#")
	return c.write(maskedFrame(finText, []byte(frame)))
}

// subscribe asks for the channels of c's path in one frame, all with the same id: the server only repeats it.
func (t *trafficRun) subscribe(c *conn) error {
	channels := channelOf(t.job.Paths[c.index])
	if channels == "" {
		t.ready++
		return nil
	}
	var commands bytes.Buffer
	for _, channel := range strings.Split(channels, ",") {
		fmt.Fprintf(&commands, "{\"id\":2,\"subscribe\":{\"channel\":\"%s\"}}\n", channel)
	}
	return c.write(maskedFrame(finText, bytes.TrimSpace(commands.Bytes())))
}

// recordReply makes c ready with the last of its replies.
func (t *trafficRun) recordReply(c *conn) {
	c.opened++
	if c.opened == max(1, t.job.Asked) {
		t.ready++
	}
}
