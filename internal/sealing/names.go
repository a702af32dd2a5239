package sealing

// Names are the keys that a value says it was sealed for; none for the
// original's form, which does not tell. A value that cannot be read is of one
// of the kinds that Open returns.
func Names(ciphertext string) ([]KeyID, error) {
	raw, several, err := decode(ciphertext)
	if err != nil {
		return nil, err
	}
	if !several {
		_, _, err := splitOriginal(raw)
		return nil, err
	}
	m, err := parseMany(raw)
	if err != nil {
		return nil, err
	}
	out := make([]KeyID, len(m.stanzas))
	for i, s := range m.stanzas {
		out[i] = s.id
	}
	return out, nil
}
