package original_test

import "testing"

func TestTakingOverRespectsThatNothingIsDue(t *testing.T) {
	for name, when := range map[string]string{
		"once": "refreshPolicy: CreatedOnce\n", "never": "refreshInterval: 0s\n", "change": "refreshPolicy: OnChange\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.Put("app", map[string]any{"v": "newer"})
			b.left("app", when+bare, "as synced")
			b.operate()
			b.taken()
			b.Holds("app", map[string]string{"v": "as synced"})
		})
	}
}

func TestARestartOnTheOriginalsDefinitionsReadsNothingThatIsNotDue(t *testing.T) {
	for name, when := range map[string]string{
		"once": "refreshPolicy: CreatedOnce\n", "never": "refreshInterval: 0s\n", "change": "refreshPolicy: OnChange\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.Put("app", map[string]any{"v": "one"})
			b.Apply(es("app", when+bare+one))
			stop := b.operate()
			b.Holds("app", map[string]string{"v": "one"})
			b.ready("app", "True", "SecretSynced")
			stop()
			b.Put("app", map[string]any{"v": "newer"})
			b.operate()
			b.taken()
			b.Holds("app", map[string]string{"v": "one"})
		})
	}
}
