// heap leak | churn: what a Go program's memory does. Ends after 60 s.
package main

import (
	"os"
	"time"
)

var kept [][]byte

func block() []byte {
	b := make([]byte, 256<<10)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	return b
}

func main() {
	for i := 0; i < 160; i++ {
		kept = append(kept, block())
	}
	for i := 0; i < 1200; i++ {
		for j := 0; j < 8; j++ {
			block()
		}
		if os.Args[1] == "leak" {
			kept = append(kept, block())
		}
		time.Sleep(50 * time.Millisecond)
	}
}
