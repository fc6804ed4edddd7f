package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// How many events are remembered: amendments come within half a minute of their event.
const maxHandled = 256

// State is what has to survive a restart: where the stream was left, and what of it was handled. Both
// are one file, so that neither is ever ahead of the other.
type State struct {
	Cursor  string    `json:"cursor"`
	Handled []Handled `json:"handled"` // the newest last

	path string
}

// Handled is an event that was acted upon, and the form in which it was last seen.
type Handled struct {
	ID       string `json:"id"`
	Revision uint32 `json:"revision"`
}

// LoadState reads what Save wrote; an empty state where there is no such file.
func LoadState(path string) (*State, error) {
	state := &State{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, state); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return state, nil
}

// Find returns the record of an event, or nil.
func (s *State) Find(id string) *Handled {
	for i := range s.Handled {
		if s.Handled[i].ID == id {
			return &s.Handled[i]
		}
	}
	return nil
}

// Add remembers an event, and forgets the oldest beyond maxHandled.
func (s *State) Add(id string, revision uint32) {
	s.Handled = append(s.Handled, Handled{ID: id, Revision: revision})
	if extra := len(s.Handled) - maxHandled; extra > 0 {
		s.Handled = s.Handled[extra:]
	}
}

// Save replaces the file: after a crash it is the old one or the new one, whole.
func (s *State) Save() (err error) {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	folder := filepath.Dir(s.path)
	next, err := os.CreateTemp(folder, filepath.Base(s.path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(next.Name())
		}
	}()
	_, err = next.Write(append(text, '\n'))
	if err == nil {
		err = next.Sync()
	}
	if err = errors.Join(err, next.Close()); err != nil {
		return err
	}
	if err = os.Rename(next.Name(), s.path); err != nil {
		return err
	}
	return syncFolder(folder)
}

// The new name is on disk when its folder is.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
