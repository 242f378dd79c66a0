package server

// Routes are the methods and paths of the table.
func Routes() [][2]string {
	var all [][2]string
	for _, r := range (&api{}).routes() {
		all = append(all, [2]string{r.method, r.path})
	}
	return all
}
