package dialecttest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// dump is what is set in a plan, a line a leaf, in a stable order.
func dump(plan any) string {
	var b strings.Builder
	leaves(&b, "", reflect.ValueOf(plan))
	return b.String()
}

func leaves(b *strings.Builder, path string, v reflect.Value) {
	if v.IsZero() {
		return
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		fmt.Fprintf(b, "%s = %s\n", path, x)
		return
	case time.Time:
		fmt.Fprintf(b, "%s = %s\n", path, x.UTC().Format(time.RFC3339Nano))
		return
	case []byte:
		fmt.Fprintf(b, "%s = %q\n", path, x)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		fmt.Fprintf(b, "%s is set\n", path)
		leaves(b, path, v.Elem())
	case reflect.Interface:
		fmt.Fprintf(b, "%s is a %s\n", path, v.Elem().Type())
		leaves(b, path, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			leaves(b, strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			at, e := fmt.Sprintf("%s[%d]", path, i), v.Index(i)
			if e.Kind() == reflect.Struct && e.IsZero() {
				fmt.Fprintf(b, "%s is empty\n", at)
			}
			leaves(b, at, e)
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			fmt.Fprintf(b, "%s[%q] = %q\n", path, k.String(), v.MapIndex(k).String())
		}
	case reflect.String:
		fmt.Fprintf(b, "%s = %q\n", path, v.String())
	default:
		fmt.Fprintf(b, "%s = %v\n", path, v.Interface())
	}
}

// plain is dump for plans of annotated objects: by name, and with words as
// they are, for these plans are full of keys and quoted JSON.
func plain(t testing.TB, plan any) string {
	t.Helper()
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	plainLeaves(&b, "", v)
	return b.String()
}

func plainLeaves(b *strings.Builder, path string, v any) {
	switch x := v.(type) {
	case nil:
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(x)) {
			plainLeaves(b, strings.TrimPrefix(path+"."+k, "."), x[k])
		}
	case []any:
		for i, e := range x {
			plainLeaves(b, fmt.Sprintf("%s[%d]", path, i), e)
		}
	default:
		if !reflect.ValueOf(v).IsZero() && v != "0001-01-01T00:00:00Z" {
			fmt.Fprintf(b, "%s = %v\n", path, v)
		}
	}
}
