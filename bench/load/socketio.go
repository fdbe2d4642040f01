package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The part of Socket.IO's protocol (Engine.IO 4 over WebSocket alone, Socket.IO 5) that traffic needs. A digit of
// Engine.IO is before everything, 4 for a message; then Socket.IO's own: 0 connect, 2 event, 3 acknowledgement. What a
// client enters with is in its path behind a #.
//
//	                                           ← 0{"sid":…}                 the handshake
//	→ 40{"token":…,"room":…}                   ← 40{"sid":…}                into the namespace
//	→ 42100000001["message",{"id":…,"text":…}] ← 43100000001[{…}]           its number, and the acknowledgement of it
//	                                           ← 42["message",{"seq":1,…}]
//	→ 3                                       ← 2                          a ping, and the answer to it
var (
	pongPacket = maskedFrame(finText, []byte("3"))

	openPacket    = []byte(`0{`)
	enteredPacket = []byte(`40{`)
	messagePacket = []byte(`42["message",`)
	ackedPacket   = []byte(`431`)
	pingPacket    = []byte(`2`)
)

// eventTemplate is a message as Parley's; the counter is the number of the acknowledgement that is asked for. A number
// may not begin with zeros: a 1 is before it.
func eventTemplate(prefix, text string) template {
	return newTemplate(`421`, fmt.Sprintf(`["message",{"id":"%s","text":"%s"}]`, prefix, text))
}

func (t *trafficRun) packet(c *conn, payload []byte) error {
	switch {
	case bytes.HasPrefix(payload, messagePacket):
		n, ok := t.seq.number(payload, 0, len(payload))
		if !ok {
			return fmt.Errorf("connection %d: a message without its number: %s", c.index, payload)
		}
		t.recordDelivery(c, n)
	case bytes.HasPrefix(payload, ackedPacket):
		id := field{name: ackedPacket}
		n, _ := id.number(payload, 0, idDigits)
		t.recordAck(c, n)
	case bytes.Equal(payload, pingPacket):
		return c.write(pongPacket)
	case bytes.HasPrefix(payload, openPacket):
		_, auth, _ := strings.Cut(t.job.Paths[c.index], "#")
		return c.write(maskedFrame(finText, []byte("40"+auth)))
	case bytes.HasPrefix(payload, enteredPacket):
		t.ready++
	default:
		return fmt.Errorf("connection %d: %s", c.index, payload)
	}
	return nil
}
