//go:build !race

package antpool

func raceStart() {}
func raceEnd()   {}
