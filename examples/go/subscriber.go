package main

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	oomtrail "example.com/oomtrail/subscriber/oomtrail/v1"
)

const (
	firstWait   = 200 * time.Millisecond
	longestWait = 10 * time.Second
)

// errReread ends a stream on purpose: what was lost from it is read again from the journal.
var errReread = errors.New("the agent's queue for us was full: reading again from the last cursor")

// Subscriber follows one agent through its restarts and ours.
type Subscriber struct {
	Connect func() (*grpc.ClientConn, error) // anew for each attempt: certificates are rotated
	Filters []*oomtrail.Filter
	State   *State
	// Handle is called once for each kill. A crash between Handle and the State's Save repeats it:
	// what it does has to be idempotent, with the event's id as the key.
	Handle func(kill *oomtrail.Event) error
	// Amend is called when a kill that was handled got more names.
	Amend func(kill *oomtrail.Event) error
}

// Run returns when the context ends, or with what no further attempt would mend.
func (s *Subscriber) Run(ctx context.Context) error {
	wait := firstWait
	for {
		progress, err := s.watch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if progress {
			wait = firstWait
		}
		switch oldest, expired := oldestCursor(err); {
		case expired:
			log.Printf("LOST: the agent no longer has the events between %s and %s", s.State.Cursor, oldest)
			s.State.Cursor = oldest
			if err := s.State.Save(); err != nil {
				return err
			}
		case !worthAnotherAttempt(err):
			return err
		default:
			log.Printf("%v; trying again", err)
		}
		// At random, so that an agent that restarts does not meet all its subscribers at once.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, longestWait)
	}
}

// watch reads one stream to its end, and says whether anything came.
func (s *Subscriber) watch(ctx context.Context) (progress bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	connection, err := s.Connect()
	if err != nil {
		return false, err
	}
	defer connection.Close()

	request := &oomtrail.WatchEventsRequest{Allow: s.Filters, Follow: true}
	if s.State.Cursor != "" {
		request.Start = &oomtrail.WatchEventsRequest_Cursor{Cursor: s.State.Cursor}
	}
	stream, err := oomtrail.NewEventServiceClient(connection).WatchEvents(ctx, request)
	for err == nil {
		var item *oomtrail.WatchEventsResponse
		if item, err = stream.Recv(); err != nil {
			break
		}
		progress = true
		if err = s.take(item); err == nil {
			s.State.Cursor = item.GetCursor()
			err = s.State.Save()
		}
	}
	return progress, err
}

// take acts upon one item. The cursor moves on only when it has returned.
func (s *Subscriber) take(item *oomtrail.WatchEventsResponse) error {
	switch item := item.GetItem().(type) {
	case *oomtrail.WatchEventsResponse_Event:
		return s.takeEvent(item.Event)
	case *oomtrail.WatchEventsResponse_Amendment:
		// The first that we hear of it, where its names made it match.
		return s.takeEvent(item.Amendment)
	case *oomtrail.WatchEventsResponse_Lost:
		lost := item.Lost
		log.Printf("LOST: %d events: %v %s", lost.GetCount(), lost.GetSource(), lost.GetStage())
		if lost.GetSource() == oomtrail.LostSource_LOST_SOURCE_SUBSCRIBER {
			return errReread
		}
	case *oomtrail.WatchEventsResponse_Bookmark:
		if item.Bookmark.GetLive() {
			log.Print("up to date")
		}
	}
	return nil // an item that we do not know is from a newer agent
}

func (s *Subscriber) takeEvent(event *oomtrail.Event) error {
	if event.GetKind() != oomtrail.Kind_KIND_OOM_KILL {
		return nil
	}
	handled := s.State.Find(event.GetId())
	switch {
	case handled == nil:
		if err := s.Handle(event); err != nil {
			return err
		}
		s.State.Add(event.GetId(), event.GetRevision())
	case event.GetRevision() > handled.Revision:
		if err := s.Amend(event); err != nil {
			return err
		}
		handled.Revision = event.GetRevision()
	}
	return nil
}

// oldestCursor is where to go on when the agent no longer holds ours.
func oldestCursor(err error) (string, bool) {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == "CURSOR_EXPIRED" {
			return info.GetMetadata()["oldest_cursor"], true
		}
	}
	return "", false
}

func worthAnotherAttempt(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, errReread) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Canceled, codes.Aborted, codes.Internal:
		return true
	}
	return false // a request that is wrong, a cursor of another node, our own disk
}
