module antpool/benchmarks

go 1.19

require (
	antpool v0.0.0
	github.com/panjf2000/ants/v2 v2.12.1
)

require golang.org/x/sync v0.11.0 // indirect

replace antpool => ../
