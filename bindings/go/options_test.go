package antpool_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"

	"antpool"
)

// allowed returns what the kernel says of the CPUs that the calling thread may use.
func allowed(t *testing.T) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", syscall.Gettid()))
	if err != nil {
		t.Error(err)
	}
	for _, line := range strings.Split(string(status), "\n") {
		if list := strings.TrimPrefix(line, "Cpus_allowed_list:"); list != line {
			return strings.TrimSpace(list)
		}
	}
	return ""
}

func TestWorkersRunOnTheCPUsTheyAreGiven(t *testing.T) {
	needThreads(t)
	var cpu int
	if _, err := fmt.Sscanf(allowed(t), "%d", &cpu); err != nil {
		t.Fatal(err)
	}
	pool := newPool(t, 1, antpool.WithCPUs(cpu))
	inside := make(chan string, 1)
	check(t, pool.Submit(func() { inside <- allowed(t) }), nil)
	check(t, soon(t, inside), fmt.Sprint(cpu))
}

func TestWorkersAreNicerByAsMuchAsTheyAreTold(t *testing.T) {
	needThreads(t)
	nice := func() int {
		priority, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0) // As the kernel has it: 20 - nice.
		if err != nil {
			t.Error(err)
		}
		return 20 - priority
	}
	pool := newPool(t, 1, antpool.WithNiceIncrement(3))
	inside := make(chan int, 1)
	check(t, pool.Submit(func() { inside <- nice() }), nil)
	check(t, soon(t, inside), nice()+3)
}

func TestCPUsAndNiceValuesThatCannotBeHadAreRefused(t *testing.T) {
	for _, option := range []antpool.Option{
		antpool.WithCPUs(-1),
		antpool.WithCPUs(0, math.MaxInt32),
		antpool.WithCPUs(1 << 32), // Not CPU 0.
		antpool.WithNiceIncrement(1 << 32),
	} {
		_, err := antpool.NewPool(1, option)
		check(t, err, antpool.ErrInvalidOption)
	}
	output, err := runChild(t, "no rights")
	check(t, err, nil)
	check(t, output, antpool.ErrUnsupported.Error()+"\n")
}

func childWithoutRights() {
	if os.Geteuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			panic(err)
		}
	}
	_, err := antpool.NewPool(1, antpool.WithNiceIncrement(-1))
	fmt.Println(err)
}
