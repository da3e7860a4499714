package antpool

import (
	"runtime/cgo"
	"testing"
)

func TestSlotsAreUsedAgainAndKeepNothing(t *testing.T) {
	var table taskTable
	first, second := table.put(task{arg: "first"}), table.put(task{arg: "second"})
	if first == second {
		t.Fatal("two tasks in one slot")
	}
	if got := table.take(first).arg; got != "first" {
		t.Fatalf("got %v", got)
	}
	if table.tasks[first] != (task{}) {
		t.Fatal("the slot keeps what was in it")
	}
	if third := table.put(task{arg: "third"}); third != first {
		t.Fatalf("slot %d was free, and %d is new", first, third)
	}
	if got := table.take(second).arg; got != "second" {
		t.Fatalf("got %v", got)
	}
}

func TestATableThatIsEmptyAgainGivesItsMemoryBack(t *testing.T) {
	for _, c := range []struct{ held, kept int }{{tasksKept, tasksKept}, {tasksKept + 1, 0}} {
		var table taskTable
		for i := 0; i < c.held; i++ {
			table.put(task{})
		}
		for i := 0; i < c.held; i++ {
			if len(table.tasks) != c.held {
				t.Fatalf("%d slots while %d tasks are held", len(table.tasks), c.held-i)
			}
			table.take(uintptr(i))
		}
		if len(table.tasks) != c.kept || len(table.free) != c.kept {
			t.Fatalf("%d slots and %d free ones", len(table.tasks), len(table.free))
		}
		if slot := table.put(task{arg: 1}); table.take(slot).arg != 1 {
			t.Fatal("it cannot be used again")
		}
	}
}

// The two ways to let C hold a Go value, measured with as many goroutines as there are CPUs.

func BenchmarkTaskTable(b *testing.B) {
	var table taskTable
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			table.take(table.put(task{arg: b}))
		}
	})
}

func BenchmarkCgoHandle(b *testing.B) {
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h := cgo.NewHandle(task{arg: b})
			_ = h.Value().(task)
			h.Delete()
		}
	})
}
