// Package mirrors_test runs SecretMirrors end to end, with one operator that
// serves the whole cluster; restarts_test has operators come and go.
//
// What the original does wrong, and where it is shown that we do not:
//
//	while a lease is renewed new namespaces get nothing  TestCredentialsStayTheSameWhileTheirLeaseIsRenewed
//	two logins a poll, none given back                   TestOneLoginServesHoweverManyPollsAndIsGivenBack
//	errors that nobody hears of                          TestMissingPartsAreToldAndNoPanic, TestAVaultInTroubleIsToldAndTheCopiesStay
//	orphans after a restart                              restarts: TestAnObjectDeletedAfterARestartLeavesNothing
//	orphans of narrowed patterns and renamed sources     TestWhatIsNoLongerWantedGoes, restarts: TestWhatIsChangedWhileNobodyLooksLeavesNoOrphan
//	overlapping patterns write twice                     restarts: TestOverlappingPatternsWriteANamespaceOnce
//	a panic without vault or auth                        TestMissingPartsAreToldAndNoPanic
//	values decoded that look like base64                 TestValuesOfVaultArriveAsTheyAre
//	every Secret of the cluster in memory                restarts: TestForeignSecretsAreNotRead
//	credentials of any namespace, to any host            TestCredentialsAreThoseOfTheOwnNamespace
package mirrors_test

import (
	"flag"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/tacit-secrets/tacit/internal/operator/operatortest"
	"github.com/tacit-secrets/tacit/test/mirrors/mirrortest"
)

// TestMain lets more tests run at a time than there are processors: most of
// the time they wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	operatortest.Main(m)
}

func newBed(t *testing.T) mirrortest.Bed {
	t.Helper()
	t.Parallel()
	return mirrortest.Of(operatortest.WithShared(t))
}

// atOnce is how soon events are followed: within a second, and much more for a
// machine that is busy with other tests. It is far from every poll, and from the
// seven minutes after which what waits for somebody's change is looked at.
const atOnce = time.Minute

// within fails the test if f takes longer.
func within(t *testing.T, limit time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > limit {
		t.Errorf("took %v, more than %v", took, limit)
	}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}
