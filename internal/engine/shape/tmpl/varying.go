package tmpl

// varying are the functions that may make something else each time they are
// called with the same arguments: by chance, by the clock, or by the order in
// which Go goes through a map.
var varying = map[string]bool{
	"randAlpha": true, "randAlphaNum": true, "randAscii": true, "randNumeric": true,
	"randBytes": true, "randInt": true, "shuffle": true, "uuidv4": true,

	"bcrypt": true, "htpasswd": true, "encryptAES": true, "genPrivateKey": true,
	"genCA": true, "genCAWithKey": true, "genSelfSignedCert": true, "genSelfSignedCertWithKey": true,
	"genSignedCert": true, "genSignedCertWithKey": true,
	"pemToPkcs12": true, "pemToPkcs12Pass": true, "fullPemToPkcs12": true, "fullPemToPkcs12Pass": true,
	"pemTruststoreToPKCS12": true, "pemTruststoreToPKCS12Pass": true,

	// Of what is no date these make today's.
	"date": true, "dateInZone": true, "date_in_zone": true, "htmlDate": true, "htmlDateInZone": true,
	"now": true, "ago": true, "durationRound": true,

	"keys": true, "values": true,
}

// Varies reports that the template may render otherwise each time.
func (t *Template) Varies() bool {
	for name := range t.c.funcs {
		if varying[name] {
			return true
		}
	}
	return false
}
