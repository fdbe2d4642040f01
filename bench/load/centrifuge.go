package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The part of Centrifuge's client protocol (JSON) that traffic needs. Commands carry an id that the reply repeats;
// several replies may share a frame, with line ends between them.
//
//	→ {"id":1,"connect":{}}                                    ← {"id":1,"connect":{…}}
//	→ {"id":2,"subscribe":{"channel":"room-0"}}                ← {"id":2,"subscribe":{…}}
//	→ {"id":100000001,"publish":{"channel":"room-0","data":…}} ← {"id":100000001,"publish":{}}
//	                                                           ← {"push":{"channel":"room-0","pub":{"data":…,"offset":1}}}
//	                                                           ← {"push":{"channel":"room-0","join":{"info":{…}}}}
//	→ {}                                                       ← {}    a ping, and the answer to it

var (
	connectCommand = maskedFrame(finText, []byte(`{"id":1,"connect":{}}`))
	pongCommand    = maskedFrame(finText, []byte(`{}`))

	pushReply       = []byte(`{"push":`)
	publishedReply  = []byte(`{"id":1`)
	connectedReply  = []byte(`{"id":1,`)
	subscribedReply = []byte(`{"id":2,`)
	pingReply       = []byte(`{}`)
	errorField      = []byte(`,"error":`)
	joinField       = []byte(`"join":{`)
	leaveField      = []byte(`"leave":{`)
)

// channelOf is the channel that a request target names.
func channelOf(path string) string {
	_, channel, _ := strings.Cut(path, "channel=")
	return channel
}

// publishTemplate is a publication with as much in it as a Parley message. A number may not begin with zeros: a 1 is
// before the counter.
func publishTemplate(channel, prefix, text string) template {
	return newTemplate(`{"id":1`, fmt.Sprintf(`,"publish":{"channel":"%s","data":{"id":"%s","text":"%s"}}}`, channel, prefix, text))
}

// replies takes what one frame holds.
func (t *trafficRun) replies(c *conn, payload []byte) error {
	for len(payload) > 0 {
		line, rest, _ := bytes.Cut(payload, []byte("\n"))
		if err := t.reply(c, line); err != nil {
			return err
		}
		payload = rest
	}
	return nil
}

func (t *trafficRun) reply(c *conn, line []byte) error {
	switch {
	case bytes.HasPrefix(line, pushReply):
		n, ok := t.offset.number(line, 0, len(line))
		if !ok && (bytes.Contains(line, joinField) || bytes.Contains(line, leaveField)) {
			return nil
		}
		if !ok {
			return fmt.Errorf("connection %d: a push without its offset: %s", c.index, line)
		}
		t.recordDelivery(c, n)
		return nil
	case bytes.Equal(line, pingReply):
		return c.write(pongCommand)
	case bytes.Contains(line[:min(len(line), 32)], errorField):
	case bytes.HasPrefix(line, connectedReply):
		return t.subscribe(c)
	case bytes.HasPrefix(line, subscribedReply):
		t.recordReply(c)
		return nil
	case bytes.HasPrefix(line, publishedReply):
		id := field{name: publishedReply}
		n, _ := id.number(line, 0, idDigits)
		t.recordAck(c, n)
		return nil
	}
	return fmt.Errorf("connection %d: %s", c.index, line)
}
