package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Opcodes of RFC 6455 §5.2, with FIN set: the servers measured here never fragment.
const (
	finText  = 0x81
	finClose = 0x88
	finPing  = 0x89
	finPong  = 0x8a
)

// maskKey is constant: unpredictable keys protect proxies from browser scripts, and there are neither here. The server
// has to unmask all the same.
var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// maskedFrame is a client's frame of up to 65,535 bytes.
func maskedFrame(opcode byte, payload []byte) []byte {
	frame := []byte{opcode}
	if len(payload) < 126 {
		frame = append(frame, 0x80|byte(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(len(payload)))
	}
	frame = append(frame, maskKey[:]...)
	for i, b := range payload {
		frame = append(frame, b^maskKey[i&3])
	}
	return frame
}

// nextFrame splits the first frame off data. ok is false while it is not there in full.
//
//	byte 0: FIN and opcode   byte 1: length, or 126 + 2 bytes, or 127 + 8 bytes   then the payload (a server never masks)
func nextFrame(data []byte) (opcode byte, payload, rest []byte, ok bool) {
	if len(data) < 2 {
		return 0, nil, data, false
	}
	start, length := 2, int(data[1])
	switch length {
	case 126:
		if len(data) < 4 {
			return 0, nil, data, false
		}
		start, length = 4, int(binary.BigEndian.Uint16(data[2:]))
	case 127:
		if len(data) < 10 {
			return 0, nil, data, false
		}
		start, length = 10, int(binary.BigEndian.Uint64(data[2:]))
	}
	if len(data)-start < length {
		return 0, nil, data, false
	}
	return data[0], data[start : start+length], data[start+length:], true
}

// idDigits is how many digits at the end of a message id count up; what is before them names this run.
const idDigits = 8

// template is a sender's masked frame in which only the counter in the id changes.
type template struct {
	frame []byte
	// counter is where the counter's first digit is, and key which byte of the mask it meets.
	counter, key int
}

// parleyTemplate is Parley's `message`.
func parleyTemplate(prefix, text string) template {
	return newTemplate(fmt.Sprintf(`{"type":"message","id":"%s`, prefix), fmt.Sprintf(`","text":"%s"}`, text))
}

// newTemplate is a frame with the counter between head and tail.
func newTemplate(head, tail string) template {
	payload := fmt.Sprintf(`%s%0*d%s`, head, idDigits, 0, tail)
	frame := maskedFrame(finText, []byte(payload))
	return template{frame, len(frame) - len(payload) + len(head), len(head)}
}

// appendTo adds the frame of message n to buffer.
func (t *template) appendTo(buffer []byte, n uint64) []byte {
	start := len(buffer) + t.counter
	buffer = append(buffer, t.frame...)
	for i := idDigits - 1; i >= 0; i-- {
		buffer[start+i] = ('0' + byte(n%10)) ^ maskKey[(t.key+i)&3]
		n /= 10
	}
	return buffer
}

// field finds a field in frames that mostly have it at the same place.
type field struct {
	// name with its quotes and what comes before the value.
	name []byte
	// place is where it was last time.
	place int
}

// number reads the decimal number of at most `most` digits that begins skip bytes into the value. In a text the quotes
// would be escaped, so the first match is the field.
func (f *field) number(payload []byte, skip, most int) (n uint64, ok bool) {
	if end := f.place + len(f.name); end > len(payload) || !bytes.Equal(payload[f.place:end], f.name) {
		place := bytes.Index(payload, f.name)
		if place < 0 {
			return 0, false
		}
		f.place = place
	}
	start := f.place + len(f.name) + skip
	for i := start; i < len(payload) && i-start < most && payload[i]-'0' < 10; i++ {
		n, ok = n*10+uint64(payload[i]-'0'), true
	}
	return n, ok
}
