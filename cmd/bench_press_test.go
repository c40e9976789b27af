package cmd_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"hailong/configs"
	"hailong/kiosk"
	"hailong/kiosk/journal"
	"hailong/kiosk/screen"
	"hailong/survey"
	"hailong/survey/disk"
	"hailong/survey/files"
)

// BenchmarkPress measures presses over HTTP, durable when answered, against two
// yardsticks in the same run: an endpoint that only appends the body to a log with
// grouped syncs, and one INSERT per press into PostgreSQL. Rounds are interleaved; the
// ratios count:
//
//	go test ./cmd -run '^$' -bench 'Press' -benchtime 7x
func BenchmarkPress(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			ways := []*way{hailongWay(b), rawLogWay(b), insertWay(b)}
			for i := range ways {
				ways[i].round(b, clients, 200) // warm up
			}
			rates := make([][]float64, len(ways))
			for b.Loop() {
				for i := range ways {
					rates[i] = append(rates[i], ways[i].round(b, clients, 40*clients+400))
				}
			}
			product, raw, insert := middle(rates[0]), middle(rates[1]), middle(rates[2])
			b.ReportMetric(product, "hailong/s")
			b.ReportMetric(raw, "rawlog/s")
			b.ReportMetric(insert, "insert/s")
			b.ReportMetric(middle(ratios(rates[0], rates[1])), "×rawlog")
			b.ReportMetric(middle(ratios(rates[0], rates[2])), "×insert")
			b.Logf("× raw log: %s; × insert: %s", spread(ratios(rates[0], rates[1])), spread(ratios(rates[0], rates[2])))
		})
	}
}

// BenchmarkHTTP measures what HTTP adds to a press: the same press through the
// recorder, and through the kiosk's address, interleaved, one client.
func BenchmarkHTTP(b *testing.B) {
	w := hailongWay(b)
	var direct, web []time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		if _, err := w.recorder.Record(context.Background(), kiosk.Press{
			Questionnaire: "quick", Answers: []survey.Answer{{Question: "Z0", Kind: survey.AtLevel, Level: 5}}, Channel: survey.Web, Key: fmt.Sprint("direct", n),
		}); err != nil {
			b.Fatal(err)
		}
		direct = append(direct, time.Since(began))
		began = time.Now()
		if err := w.once(fmt.Sprint("web", n)); err != nil {
			b.Fatal(err)
		}
		web = append(web, time.Since(began))
	}
	d, h := p50(direct), p50(web)
	b.ReportMetric(d, "direct-p50-µs")
	b.ReportMetric(h, "http-p50-µs")
	b.ReportMetric(h-d, "added-µs")
}

func p50(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2].Nanoseconds()) / 1000
}

func middle(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

func ratios(a, b []float64) []float64 {
	r := make([]float64, len(a))
	for i := range a {
		r[i] = a[i] / b[i]
	}
	return r
}

// spread is the median with its range.
func spread(v []float64) string {
	return fmt.Sprintf("%.2f (%.2f–%.2f, n=%d)", middle(v), slices.Min(v), slices.Max(v), len(v))
}

// way is one endpoint under load.
type way struct {
	name     string
	client   *fasthttp.HostClient
	path     string
	recorder *kiosk.Recorder
	orders   io.Writer // to the load generator, a process of its own
	reports  *bufio.Scanner
	sent     int
}

// serve runs a server on a free port until the benchmark ends, and beside it a load
// generator, in a process of its own as clients are.
func serve(b *testing.B, name, path string, run func(net.Listener) error, stop func() error) *way {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = run(l) }() // it ends with stop
	b.Cleanup(func() {
		if err := stop(); err != nil {
			b.Log(name, err)
		}
	})
	w := &way{name: name, path: path, client: &fasthttp.HostClient{Addr: l.Addr().String(), MaxConns: 128}}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	load := exec.Command(self, w.client.Addr, path)
	load.Env = append(os.Environ(), childMode+"="+loadMode)
	load.Stderr = os.Stderr
	orders, err := load.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	reports, err := load.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := load.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(orders.Close(), load.Wait()); err != nil {
			b.Error("load generator:", err)
		}
	})
	w.orders, w.reports = orders, bufio.NewScanner(reports)
	return w
}

// round has n presses sent by so many clients and returns presses a second.
func (w *way) round(b *testing.B, clients, n int) float64 {
	b.Helper()
	if _, err := fmt.Fprintln(w.orders, clients, n, w.sent); err != nil {
		b.Fatal(err)
	}
	w.sent += n
	if !w.reports.Scan() {
		b.Fatalf("%s: the load generator ended", w.name)
	}
	rate, err := strconv.ParseFloat(w.reports.Text(), 64)
	if err != nil {
		b.Fatalf("%s: %s", w.name, w.reports.Text())
	}
	return rate
}

// loadMode is the test binary as a load generator: for each line "clients presses
// first" it sends that many presses and prints presses a second.
const loadMode = "load"

func load(addr, path string) int {
	w := &way{client: &fasthttp.HostClient{Addr: addr, MaxConns: 128}, path: path}
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		var clients, n, first int
		if _, err := fmt.Sscan(orders.Text(), &clients, &n, &first); err != nil {
			fmt.Println(err)
			return 1
		}
		rate, err := w.burst(clients, n, first)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(rate)
	}
	return 0
}

func (w *way) burst(clients, n, first int) (float64, error) {
	var hands sync.WaitGroup
	var next, failed atomic.Int64
	var said atomic.Pointer[error]
	began := time.Now()
	for range clients {
		hands.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := w.once(fmt.Sprint("load", first+int(i))); err != nil {
					failed.Add(1)
					said.Store(&err)
				}
			}
		})
	}
	hands.Wait()
	if failed.Load() > 0 {
		return 0, fmt.Errorf("%d presses failed, for example: %w", failed.Load(), *said.Load())
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// once sends one press and wants 201.
func (w *way) once(key string) error {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI("http://" + w.client.Addr + w.path)
	req.Header.SetMethod(fiber.MethodPost)
	req.Header.SetContentType(fiber.MIMEApplicationJSON)
	req.SetBodyString(`{"questionnaire":"quick","answers":{"Z0":5},"channel":"web","idempotency_key":"` + key + `"}`)
	if err := w.client.Do(req, resp); err != nil {
		return err
	}
	if resp.StatusCode() != fiber.StatusCreated {
		return fmt.Errorf("answered %d %s", resp.StatusCode(), resp.Body())
	}
	return nil
}

// calm is the state of a kiosk where all is well.
type calm struct{}

func (calm) Status() screen.Status { return screen.Status{} }
func (calm) Ready() error          { return nil }

// hailongWay is the product: validation, recorder, journal.
func hailongWay(b *testing.B) *way {
	b.Helper()
	q, err := files.Questionnaire("quick", configs.Quick.Bytes())
	if err != nil {
		b.Fatal(err)
	}
	j, err := journal.Open(filepath.Join(b.TempDir(), "journal"), journal.Options{Kiosk: "k-bench"})
	if err != nil {
		b.Fatal(err)
	}
	s, err := screen.New(screen.Options{State: calm{}})
	if err != nil {
		b.Fatal(err)
	}
	catalogue := survey.NewCatalogue(q)
	recorder := kiosk.NewRecorder(kiosk.Settings{Catalogue: catalogue, Counters: []survey.CounterCode{"Q1"}}, j)
	if err := s.Show(screen.Settings{Catalogue: catalogue, Questionnaire: "quick"}, recorder); err != nil {
		b.Fatal(err)
	}
	w := serve(b, "hailong", "/api/v1/responses", s.Serve, func() error {
		return errors.Join(s.Shutdown(context.Background()), j.Close())
	})
	w.recorder = recorder
	return w
}

// rawLogWay appends the body to a file and answers after a sync that all who came
// meanwhile share: the least that a durable endpoint can do.
func rawLogWay(b *testing.B) *way {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw.log"))
	if err != nil {
		b.Fatal(err)
	}
	type entry struct {
		body []byte
		done chan error
	}
	queue := make(chan entry, 256)
	go func() {
		for e := range queue {
			group := []entry{e}
			for more := true; more; {
				select {
				case e, ok := <-queue:
					if more = ok; ok {
						group = append(group, e)
					}
				default:
					more = false
				}
			}
			var all []byte
			for _, e := range group {
				all = append(all, e.body...)
			}
			_, err := f.Write(all)
			if err == nil {
				err = disk.SyncData(f)
			}
			for _, e := range group {
				e.done <- err
			}
		}
	}()
	app := fiber.New(fiber.Config{Immutable: true, DisableStartupMessage: true})
	app.Post("/", func(c *fiber.Ctx) error {
		e := entry{c.Body(), make(chan error, 1)}
		queue <- e
		if err := <-e.done; err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusCreated)
	})
	return serve(b, "raw log", "/", app.Listener, func() error {
		err := app.Shutdown()
		close(queue)
		return errors.Join(err, f.Close())
	})
}

// insertWay is one INSERT per press into PostgreSQL.
func insertWay(b *testing.B) *way {
	b.Helper()
	pool := postgres(b)
	if _, err := pool.Exec(context.Background(), `CREATE TABLE IF NOT EXISTS press (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), body jsonb NOT NULL)`); err != nil {
		b.Fatal(err)
	}
	app := fiber.New(fiber.Config{Immutable: true, DisableStartupMessage: true})
	app.Post("/", func(c *fiber.Ctx) error {
		if _, err := pool.Exec(c.Context(), `INSERT INTO press (body) VALUES ($1)`, string(c.Body())); err != nil {
			return err
		}
		return c.SendStatus(fiber.StatusCreated)
	})
	return serve(b, "insert", "/", app.Listener, app.Shutdown)
}
