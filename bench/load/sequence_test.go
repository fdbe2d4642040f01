package main

import "testing"

func TestSequence(t *testing.T) {
	for name, test := range map[string]struct {
		seen                       []uint64
		count, doubled, outOfOrder uint64
		missing                    int
	}{
		"straight":     {[]uint64{1, 2, 3}, 3, 0, 0, 0},
		"lost":         {[]uint64{1, 4}, 2, 0, 0, 2},
		"doubled":      {[]uint64{1, 2, 2, 1}, 2, 2, 0, 0},
		"out of order": {[]uint64{2, 1, 3}, 3, 0, 1, 0},
		"late, twice":  {[]uint64{2, 1, 1}, 2, 1, 1, 0},
	} {
		sequence := sequence{next: 1}
		for _, n := range test.seen {
			sequence.see(n)
		}
		if sequence.count != test.count || sequence.doubled != test.doubled || sequence.outOfOrder != test.outOfOrder || len(sequence.missing) != test.missing {
			t.Errorf("%s: %+v", name, sequence)
		}
	}
}
