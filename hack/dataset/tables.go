package dataset

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"gopkg.in/inf.v0"
)

// schema are the statements that make the keyspaces and tables, in order.
func (s *Set) schema() []string {
	shop, bank := s.Shop(), s.Bank()
	return []string{
		"CREATE KEYSPACE IF NOT EXISTS " + shop + " WITH replication = " + replicated(2, s.o.Nodes),
		"CREATE KEYSPACE IF NOT EXISTS " + bank + " WITH replication = " + replicated(3, s.o.Nodes),

		"CREATE TYPE IF NOT EXISTS " + shop + ".address (street text, city text, zip int)",
		"CREATE TABLE IF NOT EXISTS " + shop + `.customers (id int PRIMARY KEY, name text, emails set<text>,
			phones list<text>, labels map<text, int>, visits list<frozen<map<text, int>>>, home frozen<address>)`,
		"CREATE TABLE IF NOT EXISTS " + shop + `.orders (customer int, number int, tier text static, discount decimal static,
			placed timestamp, amount decimal, PRIMARY KEY (customer, number)) WITH CLUSTERING ORDER BY (number DESC)`,
		// A week: longer than any run, so that no cell expires between two looks.
		"CREATE TABLE IF NOT EXISTS " + shop + ".sessions (id uuid PRIMARY KEY, customer int, ticket blob) WITH default_time_to_live = 604800",
		"CREATE TABLE IF NOT EXISTS " + shop + ".products (sku text PRIMARY KEY, category text, price double, stock bigint)",
		"CREATE INDEX IF NOT EXISTS products_by_category ON " + shop + ".products (category)",

		// Without compaction every flush stays an SSTable of its own.
		"CREATE TABLE IF NOT EXISTS " + bank + `.ledger (account int, entry int, amount varint, memo blob, PRIMARY KEY (account, entry))
			WITH compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}`,
		"CREATE TABLE IF NOT EXISTS " + bank + `."AuditTrail" ("EventId" int PRIMARY KEY, "What" text, at timestamp)`,
		"CREATE TABLE IF NOT EXISTS " + bank + ".drafts (id int PRIMARY KEY, body text)",
	}
}

// began is when the data claims to be from.
var began = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)

const (
	insertCustomer = ".customers (id, name, emails, phones, labels, visits, home) VALUES (?, ?, ?, ?, ?, ?, {street: ?, city: ?, zip: ?})"
	ordersEach     = 10
	categories     = 7
)

// Populate makes the keyspaces and tables and fills them. The ledger is written
// in as many parts as Flushes says, each flushed.
func (s *Set) Populate(ctx context.Context, flush Flush) error {
	for _, statement := range s.schema() {
		if err := s.run(ctx, statement); err != nil {
			return err
		}
	}
	for _, fill := range []func(context.Context) error{s.fillCustomers, s.fillOrders, s.fillSessions, s.fillProducts, s.fillAudit} {
		if err := fill(ctx); err != nil {
			return err
		}
	}
	return s.fillLedger(ctx, flush)
}

func (s *Set) fillCustomers(ctx context.Context) error {
	return s.each(ctx, 0, s.o.Rows, "INSERT INTO "+s.Shop()+insertCustomer, func(row int) []any {
		name := fmt.Sprintf("customer %d", row)
		emails := []string{fmt.Sprintf("c%d@example.org", row), fmt.Sprintf("c%d@example.net", row)}
		phones := []string{"+" + strconv.Itoa(1000+row), "+" + strconv.Itoa(1000+row), ""} // a list keeps doubles
		labels := map[string]int{"since": row, "größe": -row}
		visits := []map[string]int{{"monday": row}, {}}
		if row%5 == 0 { // an empty collection is none at all
			emails, phones, labels, visits = nil, nil, nil, nil
		}
		return []any{row, name, emails, phones, labels, visits, "street " + strconv.Itoa(row), "city", row}
	})
}

// fillOrders gives each customer a static part and some orders; every tenth has
// the static part alone.
func (s *Set) fillOrders(ctx context.Context) error {
	customers := s.o.Rows / ordersEach
	err := s.each(ctx, 0, customers, "INSERT INTO "+s.Shop()+".orders (customer, tier, discount) VALUES (?, ?, ?)", func(row int) []any {
		return []any{row, "tier " + strconv.Itoa(row%3), inf.NewDec(int64(row), 2)}
	})
	if err != nil {
		return err
	}
	return s.each(ctx, 0, s.o.Rows, "INSERT INTO "+s.Shop()+".orders (customer, number, placed, amount) VALUES (?, ?, ?, ?)", func(row int) []any {
		customer := row / ordersEach
		if customer%ordersEach == 9 {
			customer-- // its orders are the neighbour's
		}
		return []any{customer, row, began.Add(time.Duration(row) * time.Minute), inf.NewDec(int64(row)*1001, 3)}
	})
}

func (s *Set) fillSessions(ctx context.Context) error {
	return s.each(ctx, 0, s.o.Rows, "INSERT INTO "+s.Shop()+".sessions (id, customer, ticket) VALUES (?, ?, ?) USING TTL ?", func(row int) []any {
		return []any{uuidOf(row), row, payload("sessions", row, 16), 86400 + row}
	})
}

func (s *Set) fillProducts(ctx context.Context) error {
	return s.each(ctx, 0, s.o.Rows, "INSERT INTO "+s.Shop()+".products (sku, category, price, stock) VALUES (?, ?, ?, ?)", func(row int) []any {
		return []any{fmt.Sprintf("sku-%05d", row), category(row), float64(row) / 8, int64(row) << 20}
	})
}

func (s *Set) fillAudit(ctx context.Context) error {
	return s.each(ctx, 0, s.o.Rows, "INSERT INTO "+s.Bank()+`."AuditTrail" ("EventId", "What", at) VALUES (?, ?, ?)`, func(row int) []any {
		return []any{row, "event " + strconv.Itoa(row), began.Add(time.Duration(row) * time.Second)}
	})
}

func (s *Set) fillLedger(ctx context.Context, flush Flush) error {
	part := max(1, s.o.Rows/Flushes)
	for f := range Flushes {
		err := s.each(ctx, f*part, (f+1)*part, "INSERT INTO "+s.Bank()+".ledger (account, entry, amount, memo) VALUES (?, ?, ?, ?)", func(row int) []any {
			return []any{row % 50, row, int64(row) * 7919, payload("ledger", row, s.o.PayloadBytes)}
		})
		if err != nil {
			return err
		}
		if err := flush(ctx, s.Bank(), "ledger"); err != nil {
			return fmt.Errorf("flushing %s.ledger: %w", s.Bank(), err)
		}
	}
	return nil
}

// Damage deletes rows and whole partitions, truncates one table, overwrites
// others and writes rows that were not there. Every table that has rows differs
// afterwards, and the empty one has some.
func (s *Set) Damage(ctx context.Context) error {
	shop, bank := s.Shop(), s.Bank()
	type harm struct {
		statement string
		every     int // row in so many
		values    func(row int) []any
	}
	key := func(row int) []any { return []any{row} }
	for _, h := range []harm{
		{"DELETE FROM " + shop + ".customers WHERE id = ?", 3, key},
		{"UPDATE " + shop + ".customers SET emails = emails + {'spam'}, phones = [], labels['since'] = null WHERE id = ?", 4, key},
		{"DELETE FROM " + shop + ".orders WHERE customer = ?", 2, key},
		{"UPDATE " + shop + ".orders SET tier = 'none' WHERE customer = ?", 3, key},
		{"DELETE FROM " + shop + ".sessions WHERE id = ?", 2, func(row int) []any { return []any{uuidOf(row)} }},
		{"UPDATE " + bank + ".ledger SET amount = 0 WHERE account = ? AND entry = ?", 3, func(row int) []any { return []any{row % 50, row} }},
		{"DELETE FROM " + bank + ".ledger WHERE account = ? AND entry > ?", 10, func(row int) []any { return []any{row % 50, row} }},
		{`UPDATE ` + bank + `."AuditTrail" SET "What" = 'nothing' WHERE "EventId" = ?`, 2, key},
		{"INSERT INTO " + bank + ".drafts (id, body) VALUES (?, 'not there before')", 20, key},
	} {
		err := s.each(ctx, 0, (s.o.Rows+h.every-1)/h.every, h.statement, func(n int) []any { return h.values(n * h.every) })
		if err != nil {
			return err
		}
	}
	return s.run(ctx, "TRUNCATE "+shop+".products")
}

// CreateLater makes a table that no earlier backup knows, with rows. A restore
// must leave it alone.
func (s *Set) CreateLater(ctx context.Context) error {
	if err := s.run(ctx, "CREATE TABLE "+s.Later()+" (id int PRIMARY KEY, body text)"); err != nil {
		return err
	}
	return s.each(ctx, 0, s.o.Rows, "INSERT INTO "+s.Later()+" (id, body) VALUES (?, ?)", func(row int) []any {
		return []any{row, "later " + strconv.Itoa(row)}
	})
}

func category(row int) string { return "category " + strconv.Itoa(row%categories) }

// payload are bytes that no compression shortens, the same for the same row.
func payload(table string, row, size int) []byte {
	var seed [32]byte
	copy(seed[:], table+strconv.Itoa(row))
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
	return b
}

// uuidOf is a random-looking UUID of a row.
func uuidOf(row int) [16]byte {
	var id [16]byte
	copy(id[:], payload("uuid", row, len(id)))
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}
