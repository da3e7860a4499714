// Package benchmarks compares antpool with other ways to run a bounded number of tasks. It is a
// module of its own, so that antpool itself depends on nothing.
//
//	go test -bench . -benchtime 1s
package benchmarks
