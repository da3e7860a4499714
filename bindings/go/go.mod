module antpool

go 1.19
