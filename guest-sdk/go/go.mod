module snow

go 1.24
