package sealing

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"

	"github.com/tacit-secrets/tacit/internal/delivery"
)

// memory knows of ciphertexts which key fitted, or that none did, so that many
// keys do not mean many decryptions, nor a retry the same ones again. It keeps
// nothing that was sealed, and forgets what was not asked for in a long time.
type memory struct {
	mu          sync.Mutex
	young, aged map[mark]verdict
	// last is the key that fitted last, of any ciphertext.
	last KeyID
}

// mark stands for a ciphertext and everything that decides whether it opens.
type mark [16]byte

// verdict is what became of a ciphertext.
type verdict struct {
	id KeyID
	// err is why it did not open, with the keys of that turn.
	err  error
	turn uint64
}

// memorySize is how many verdicts are kept: about 100 bytes each, twice.
const memorySize = 1 << 15

func markOf(s *delivery.Sealed, ciphertext string) mark {
	h := sha256.New()
	for _, part := range []string{string(s.Scope), s.Namespace, s.Name, ciphertext} {
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write([]byte(part))
	}
	return mark(h.Sum(nil)[:len(mark{})])
}

func (m *memory) get(of mark) (verdict, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[of]; ok {
		return v, true
	}
	v, ok := m.aged[of]
	if ok {
		m.put(of, v)
	}
	return v, ok
}

func (m *memory) fitted(of mark, id KeyID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = id
	m.put(of, verdict{id: id})
}

func (m *memory) failed(of mark, err error, turn uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(of, verdict{err: err, turn: turn})
}

func (m *memory) latest() KeyID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// put notes a verdict. The caller holds m.mu.
func (m *memory) put(of mark, v verdict) {
	if m.young == nil || len(m.young) >= memorySize {
		m.young, m.aged = map[mark]verdict{}, m.young
	}
	m.young[of] = v
}
