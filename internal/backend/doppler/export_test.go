package doppler

import "github.com/tacit-secrets/tacit/internal/backend"

// Patient gives the calls of a session the time that a busy machine may need.
func Patient(b backend.Backend) { b.(*store).caller.patience = patience }
