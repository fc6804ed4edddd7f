package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const refreshEvery = 2 * time.Second

// Fleet is a subscription to every agent behind a headless Service: one for each node, each with a state
// of its own. An agent that is replaced has another address, and the same node and cursor.
type Fleet struct {
	Agents  func(context.Context) (map[string]string, error) // host and port, by node
	Connect func(address string) (*grpc.ClientConn, error)
	StateIn string // a folder
	New     func(connect func() (*grpc.ClientConn, error), state *State) *Subscriber

	mutex   sync.Mutex
	address map[string]string
}

// Run returns when the context ends, or with the first error that no further attempt would mend.
func (f *Fleet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	defer running.Wait()
	followed := map[string]bool{}
	for ctx.Err() == nil {
		agents, err := f.Agents(ctx)
		if err != nil {
			log.Printf("%v; trying again", err)
		} else {
			f.moved(agents)
		}
		for node := range agents {
			if followed[node] {
				continue
			}
			followed[node] = true
			running.Go(func() {
				if err := f.follow(ctx, node); err != nil {
					cancel(fmt.Errorf("%s: %w", node, err))
				}
			})
		}
		select {
		case <-ctx.Done():
		case <-time.After(refreshEvery):
		}
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (f *Fleet) follow(ctx context.Context, node string) error {
	state, err := LoadState(filepath.Join(f.StateIn, node+".json"))
	if err != nil {
		return err
	}
	return f.New(func() (*grpc.ClientConn, error) { return f.connect(node) }, state).Run(ctx)
}

func (f *Fleet) moved(agents map[string]string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.address = agents
}

func (f *Fleet) connect(node string) (*grpc.ClientConn, error) {
	f.mutex.Lock()
	address, there := f.address[node]
	f.mutex.Unlock()
	if !there {
		return nil, status.Errorf(codes.Unavailable, "no agent on %s at present", node)
	}
	return f.Connect(address)
}
