package doppler

import (
	"maps"
	"slices"
	"strings"
)

// format writes secrets as a file.
type format struct {
	kind   string // the content type
	render func(map[string]string) []byte
}

func formats() map[string]format {
	return map[string]format{
		"json":          {kindJSON, func(values map[string]string) []byte { return marshal(values) }},
		"dotnet-json":   {kindJSON, func(values map[string]string) []byte { return marshal(sections(values)) }},
		"env":           {kindText, lines("=", quote)},
		"env-no-quotes": {kindText, lines("=", func(value string) string { return value })},
		"docker":        {kindText, lines("=", func(value string) string { return strings.ReplaceAll(value, "\n", `\n`) })},
		"yaml":          {kindText, lines(": ", func(value string) string { return string(marshal(value)) })},
	}
}

// lines writes a line a secret, sorted by name.
func lines(between string, value func(string) string) func(map[string]string) []byte {
	return func(values map[string]string) []byte {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(values)) {
			all = append(all, name+between+value(values[name]))
		}
		return []byte(strings.Join(all, "\n"))
	}
}

// quote writes a value as dotenv files do.
func quote(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

// sections nests names of the form Smtp:UserName as the appsettings.json of
// .NET does. Where a name is a value and a section at once, the section's
// entries keep their whole names, which .NET reads alike.
func sections(values map[string]string) map[string]any {
	root := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		path := strings.Split(name, ":")
		at := root
		for _, section := range path[:len(path)-1] {
			next, ok := at[section].(map[string]any)
			if _, taken := at[section]; taken && !ok {
				at, path = root, []string{name}
				break
			}
			if !ok {
				next = map[string]any{}
				at[section] = next
			}
			at = next
		}
		at[path[len(path)-1]] = values[name]
	}
	return root
}
