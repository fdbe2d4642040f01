package main

import (
	"bytes"
	"fmt"
)

func (t *trafficRun) upgraded(c *conn) error {
	switch t.job.Protocol {
	case protocolNone:
		t.ready++
	case protocolCentrifuge:
		return c.write(connectCommand)
	}
	return nil
}

var (
	messageType = []byte(`{"type":"message"`)
	ackType     = []byte(`{"type":"ack"`)
	welcomeType = []byte(`{"type":"welcome"`)
	errorType   = []byte(`{"type":"error"`)
)

func (t *trafficRun) frame(c *conn, payload []byte) error {
	switch t.job.Protocol {
	case protocolCentrifuge:
		return t.replies(c, payload)
	case protocolSocketIO:
		return t.packet(c, payload)
	}
	n, ok := uint64(0), true
	switch {
	case bytes.HasPrefix(payload, messageType):
		if t.job.Protocol == protocolParley {
			n, ok = t.seq.number(payload, 0, len(payload))
		} else if n, ok = t.echoedID.number(payload, len(t.prefix), idDigits); ok && c.index%t.job.RoomSize == 0 {
			t.recordAck(c, n)
		}
		t.recordDelivery(c, n)
	case bytes.HasPrefix(payload, ackType):
		n, ok = t.ackedID.number(payload, len(t.prefix), idDigits)
		t.recordAck(c, n)
	case bytes.HasPrefix(payload, welcomeType):
		return t.askAfterWelcome(c)
	case bytes.HasPrefix(payload, openedType), bytes.HasPrefix(payload, inboxType):
		t.recordReply(c)
	case bytes.HasPrefix(payload, errorType):
		return fmt.Errorf("connection %d: %s", c.index, payload)
	}
	if !ok {
		return fmt.Errorf("connection %d: a frame without its number: %s", c.index, payload)
	}
	return nil
}

// recordDelivery records message n of c's room.
func (t *trafficRun) recordDelivery(c *conn, n uint64) {
	t.delivered++
	t.received[c.index].see(n)
	if t.schedule != nil {
		t.schedule.received(c.index/t.job.RoomSize, n, t.loop.readAt)
	}
}

// answer records the ack of message n, or its equivalent.
func (t *trafficRun) recordAck(c *conn, n uint64) {
	t.answered++
	t.senders[c.index/t.job.RoomSize].acked.see(n)
}
