package rollouts

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/tacit-secrets/tacit/internal/delivery"
	"github.com/tacit-secrets/tacit/internal/engine/rollout"
	"github.com/tacit-secrets/tacit/internal/secret"
)

// stand is a Deployment that asks to be restarted for the Secrets "app" and
// "db", in a cluster of nothing else, with a clock that goes by hand.
type stand struct {
	Objects
	client.Writer
	t    *testing.T
	r    *reconciler
	w    workload
	now  time.Time
	keys map[string]secret.Key // of operators, by name

	values   map[string]string // of the Secrets that are there
	versions map[string]int
	version  int
	did      []string // in a look
}

// ours is the name of the operator that looks.
const ours = "ours"

func newStand(t *testing.T) *stand {
	t.Helper()
	s := &stand{
		t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), keys: map[string]secret.Key{ours: {1}, "another's": {2}},
		values: map[string]string{}, versions: map[string]int{}, version: 1000,
	}
	s.w = workload{kind: "Deployment", first: "main", uses: []use{{"Secret", "app", "main"}, {"Secret", "db", "main"}}}
	s.w.Namespace, s.w.Name, s.w.UID = "ns", "web", "1"
	s.w.Annotations = map[string]string{"reloader.stakater.com/auto": "true"}
	limit := rollout.NewLimit(-1, 0)
	runner := &rollout.Runner{
		Reader: live{}, Writer: s, Key: s.keys[ours], Limit: limit, News: s, Warnings: s, Metrics: rollout.NewMetrics(limit),
		Now: func() time.Time { return s.now },
	}
	core, err := corev1client.NewForConfigAndClient(&rest.Config{Host: "http://cluster", QPS: -1}, &http.Client{Transport: s})
	if err != nil {
		t.Fatal(err)
	}
	s.r = &reconciler{
		Options: Options{Languages: languages(), Runner: runner, OnCreate: true, OnDelete: true}.withDefaults(), objects: watches{"Secret": s},
		store: newStore(languages()), trim: newTrimmer(languages()), wakes: newWakes(0, 0), memories: newMemories(),
	}
	s.r.digests = newDigests(core, runner, s.r.objects, s.r.store.wanted)
	return s
}

// has the Secrets at values, as "app=one"; a Secret without one is gone.
func (s *stand) has(entries ...string) {
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		s.version++
		if s.values[name], s.versions[name] = value, s.version; value == "" {
			delete(s.values, name)
		}
	}
}

// Get implements Objects.
func (s *stand) Get(_, name string) *metav1.PartialObjectMetadata {
	if _, ok := s.values[name]; !ok {
		return nil
	}
	return &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: fmt.Sprint(s.versions[name])}}
}

// In implements Objects.
func (s *stand) In(string) []string { return slices.Sorted(maps.Keys(s.values)) }

// RoundTrip implements http.RoundTripper: it is how Secrets are read.
func (s *stand) RoundTrip(r *http.Request) (*http.Response, error) {
	name := path.Base(r.URL.Path)
	status, answer := http.StatusOK, any(&corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, ResourceVersion: fmt.Sprint(s.versions[name])},
		Data:       map[string][]byte{"k": []byte(s.values[name])},
	})
	if _, ok := s.values[name]; !ok {
		status = http.StatusNotFound
		answer = &metav1.Status{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound}
	}
	body, err := json.Marshal(answer)
	header := http.Header{"Content-Type": {"application/json"}}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, err
}

// entries are what an operator records of the Secrets at values.
func (s *stand) entries(operator string, entries ...string) rollout.Record {
	runner := &rollout.Runner{Key: s.keys[operator]}
	out := rollout.Record{}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		ref := delivery.ObjectRef{Kind: "Secret", Namespace: "ns", Name: name}
		if out[rollout.Entry(ref)] = runner.Absent(); value != "" {
			out[rollout.Entry(ref)] = runner.Short(runner.Digest(ref, secret.Data{"k": secret.NewString(value)}))
		}
	}
	return out
}

// put writes the record's annotation, or takes it away.
func (s *stand) put(text string) {
	s.version++
	s.w.Annotations = maps.Clone(s.w.Annotations)
	if s.w.Annotations[rollout.Recorded] = text; text == "" {
		delete(s.w.Annotations, rollout.Recorded)
	}
}

// Patch implements client.Writer.
func (s *stand) Patch(_ context.Context, obj client.Object, p client.Patch, _ ...client.PatchOption) error {
	var patch struct {
		Metadata struct{ Annotations map[string]*string }
		Spec     struct{ Template *struct{} }
	}
	body, err := p.Data(nil)
	if err != nil || json.Unmarshal(body, &patch) != nil {
		return fmt.Errorf("the patch is %s (%w)", body, err)
	}
	if patch.Spec.Template != nil {
		s.did = append(s.did, "restarts")
	}
	if text := patch.Metadata.Annotations[rollout.Recorded]; text != nil {
		s.put(*text)
		record, _ := rollout.RecordOf(s.w.id(), s.w.Annotations)
		s.did = append(s.did, "records "+s.read(record))
	}
	obj.SetResourceVersion(fmt.Sprint(s.version))
	return nil
}

// read puts a record into the words of entries.
func (s *stand) read(record rollout.Record) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(record)) {
		is := name + "=?"
		for _, value := range []string{"", "one", "two", "three"} {
			for operator := range s.keys {
				if s.entries(operator, path.Base(name)+"="+value)[name] != record[name] {
					continue
				}
				if is = path.Base(name) + "=" + value; operator != ours {
					is += " by " + operator
				}
			}
		}
		out = append(out, is)
	}
	return "[" + strings.Join(out, " ") + "]"
}

// Event implements rollout.Recorder.
func (s *stand) Event(_ runtime.Object, _, reason, _ string) {
	if reason != "Reloaded" { // for "restarts" says it
		s.did = append(s.did, "tells "+reason)
	}
}

// look has the reconciler look, and returns what it did.
func (s *stand) look() string {
	s.t.Helper()
	w := s.w
	w.ResourceVersion = fmt.Sprint(s.version)
	s.r.store.put(&w)
	s.did = nil
	got, err := s.r.Reconcile(s.t.Context(), w.id())
	if err != nil {
		s.t.Fatal(err)
	}
	if got.RequeueAfter > 0 {
		s.did = append(s.did, "again in "+got.RequeueAfter.String())
	}
	return strings.Join(s.did, ", ")
}

// live is where it is asked whose a record is: nobody's.
type live struct{ client.Reader }

// Get implements client.Reader.
func (live) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}
