package broker

import (
	"context"

	"github.com/tacit-secrets/tacit/internal/backend"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// write makes the store hold fields under key. A try whose answer was lost is
// repeated like any other call: the next one finds what it did.
func (s *session) write(ctx context.Context, key string, fields secret.Data) (changed bool, err error) {
	err = s.call(ctx, "write", func(ctx context.Context, be backend.Backend) (err error) {
		writer, ok := be.(backend.Writer)
		if !ok {
			return &backend.Error{Kind: backend.Unsupported, Message: "this store cannot be written to"}
		}
		changed, err = writer.Write(ctx, key, fields)
		return err
	})
	return changed, err
}
