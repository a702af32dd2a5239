package tmpl

import (
	"fmt"
	"sync"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// functions is the table of every function that templates may call. It is
// made once, when the first template needs it, and never changes.
var functions = sync.OnceValue(func() map[string]*function {
	table := map[string]*function{}
	add := func(name string, fn any) { table[name] = newFunction(name, fn) }
	theirs := sprig.GenericFuncMap()
	for _, name := range sprigAllowed {
		add(name, theirs[name])
	}
	for name, fn := range own {
		add(name, fn)
	}
	add(printGuard, func(v any) any {
		if v == nil {
			return "<no value>" // as text/template prints it
		}
		return v
	})
	return table
})

// own are the functions beside sprig's, and those of text/template that can
// make more than they are given.
var own = map[string]any{
	"print":    fmt.Sprint,
	"printf":   fmt.Sprintf,
	"println":  fmt.Sprintln,
	"html":     template.HTMLEscaper,
	"js":       template.JSEscaper,
	"urlquery": template.URLQueryEscaper,

	"pkcs12key":      func(in string) (string, error) { return pkcs12Key("", in) },
	"pkcs12keyPass":  pkcs12Key,
	"pkcs12cert":     func(in string) (string, error) { return pkcs12Cert("", in) },
	"pkcs12certPass": pkcs12Cert,

	"pemToPkcs12":               func(cert, key string) (string, error) { return pemToPKCS12(cert, key, "") },
	"pemToPkcs12Pass":           pemToPKCS12,
	"fullPemToPkcs12":           func(certs, key string) (string, error) { return fullPEMToPKCS12(certs, key, "") },
	"fullPemToPkcs12Pass":       fullPEMToPKCS12,
	"pemTruststoreToPKCS12":     func(certs string) (string, error) { return truststoreToPKCS12(certs, "") },
	"pemTruststoreToPKCS12Pass": truststoreToPKCS12,

	"filterPEM":       filterPEM,
	"filterCertChain": filterCertChain,
	"certSANs":        certSANs,

	"jwkPublicKeyPem":  jwkPublicKeyPEM,
	"jwkPrivateKeyPem": jwkPrivateKeyPEM,

	"toYaml":   toYAML,
	"fromYaml": fromYAML,

	"rsaDecrypt": rsaDecrypt,
	"hexdec":     hexDecode,
	"htpasswd":   htpasswd,
}

// builtins are text/template's own functions that stay as they are: they
// neither copy nor walk their arguments.
var builtins = []string{
	"and", "or", "not", "len", "index", "slice", "call",
	"eq", "ne", "lt", "le", "gt", "ge",
}

// names are all functions that a template may call.
var names = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for name := range functions() {
		all[name] = name != printGuard
	}
	for _, name := range builtins {
		all[name] = true
	}
	return all
})

// parseNames is names as the parser wants them: it looks for values that are
// not nil, and calls none.
var parseNames = sync.OnceValue(func() map[string]any {
	all := map[string]any{}
	for name, ok := range names() {
		if ok {
			all[name] = true
		}
	}
	return all
})

// reaches lists the functions that do not walk all of their arguments.
var reaches = map[string]reach{
	"get": flat, "set": flat, "unset": flat, "hasKey": flat, "dict": flat,
	"list": flat, "tuple": flat, "first": flat, "mustFirst": flat,
	"last": flat, "mustLast": flat, "typeOf": flat, "typeIs": flat,
	"typeIsLike": flat, "kindOf": flat, "kindIs": flat, "empty": flat,
	"default": flat, "coalesce": flat, "ternary": flat, "dig": flat,

	"append": linear, "push": linear, "mustAppend": linear, "mustPush": linear,
	"prepend": linear, "mustPrepend": linear, "rest": linear, "mustRest": linear,
	"initial": linear, "mustInitial": linear, "reverse": linear, "mustReverse": linear,
	"keys": linear, "values": linear, "pluck": linear, "pick": linear, "omit": linear,
	"concat": linear, "slice": linear, "mustSlice": linear, "all": linear, "any": linear,
	"chunk": linear, "mustChunk": linear,
}

// weights are the bytes that a new container takes beside its content.
var weights = map[string]int{"dict": 256, "set": 64, "list": 32, "tuple": 32}

// costs are in steps, of which there are a million: some 5 microseconds each.
var costs = map[string]int{
	"bcrypt": 15_000, "htpasswd": 15_000, "derivePassword": 100_000,
	"genPrivateKey": 100_000, "genCA": 60_000, "genCAWithKey": 5_000,
	"genSelfSignedCert": 60_000, "genSelfSignedCertWithKey": 5_000,
	"genSignedCert": 60_000, "genSignedCertWithKey": 5_000,
	"buildCustomCert": 500, "rsaDecrypt": 2_000,
	"pkcs12key": 5_000, "pkcs12keyPass": 5_000, "pkcs12cert": 5_000, "pkcs12certPass": 5_000,
	"pemToPkcs12": 5_000, "pemToPkcs12Pass": 5_000,
	"fullPemToPkcs12": 5_000, "fullPemToPkcs12Pass": 5_000,
	"pemTruststoreToPKCS12": 5_000, "pemTruststoreToPKCS12Pass": 5_000,
	"jwkPublicKeyPem": 1_000, "jwkPrivateKeyPem": 1_000,
	"dateInZone": 100, "date_in_zone": 100, "htmlDateInZone": 100,
}

var guards = map[string]guard{
	"repeat": guardRepeat, "indent": guardIndent, "nindent": guardIndent,
	"until": repeatTimes(element), "untilStep": guardStep, "seq": guardSeq,
	"randAlphaNum": repeatTimes(8), "randAlpha": repeatTimes(8),
	"randAscii": repeatTimes(8), "randNumeric": repeatTimes(8), "randBytes": repeatTimes(4),
	"replace": guardReplace, "join": guardJoin, "wrap": guardWrap, "wrapWith": guardWrap,
	"split": guardSplit(entry), "splitn": guardSplit(entry), "splitList": guardSplit(element),
	"trimAll": guardTrim, "trimall": guardTrim,
	"uniq": guardUniq, "mustUniq": guardUniq,
	"without": guardWithout, "mustWithout": guardWithout,
	"chunk": guardChunk, "mustChunk": guardChunk,
	"regexMatch": guardRegex(growNothing), "mustRegexMatch": guardRegex(growNothing),
	"regexFind": guardRegex(growNothing), "mustRegexFind": guardRegex(growNothing),
	"regexFindAll": guardRegex(growPieces), "mustRegexFindAll": guardRegex(growPieces),
	"regexSplit": guardRegex(growPieces), "mustRegexSplit": guardRegex(growPieces),
	"regexReplaceAll": guardRegex(growReplaced), "mustRegexReplaceAll": guardRegex(growReplaced),
	"regexReplaceAllLiteral": guardRegex(growReplaced), "mustRegexReplaceAllLiteral": guardRegex(growReplaced),
	"printf": guardPrintf, "fromYaml": guardYAML, "fromJson": guardJSON, "mustFromJson": guardJSON,
}
