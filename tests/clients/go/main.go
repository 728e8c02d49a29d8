// SPDX-License-Identifier: Apache-2.0

// What the example of github.com/qdrant/go-client does, and the rest of its
// methods on one server:
//
//	go-client GRPC_PORT
//
// Prints one JSON object: {step: null or what failed}. Steps rely on those
// before them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"strconv"
	"time"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type step struct {
	name string
	run  func(context.Context, *qdrant.Client)
}

// A failed expectation; anything else that panics is a fault of this program.
type failure struct{ text string }

func fail(format string, arguments ...any) {
	panic(failure{fmt.Sprintf(format, arguments...)})
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

func got[T any](value T, err error) T {
	must(err)
	return value
}

func equal(actual, expected any) {
	if !reflect.DeepEqual(actual, expected) {
		fail("%v is not %v", actual, expected)
	}
}

func near(actual, expected float32) {
	if math.Abs(float64(actual-expected)) > 1e-5 {
		fail("%v is not near %v", actual, expected)
	}
}

func refused(code codes.Code, err error) {
	if status.Code(err) != code || status.Convert(err).Message() == "" {
		fail("not refused by %v and a text: %v", code, err)
	}
}

func attempt(one step, client *qdrant.Client) (outcome *string) {
	defer func() {
		if cause := recover(); cause != nil {
			known, ok := cause.(failure)
			if !ok {
				panic(cause)
			}
			outcome = &known.text
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	one.run(ctx, client)
	return nil
}

func main() {
	port := got(strconv.Atoi(os.Args[1]))
	client := got(qdrant.NewClient(&qdrant.Config{
		Host: "127.0.0.1", Port: port}))
	defer client.Close()
	outcome := map[string]*string{}
	for _, one := range steps {
		outcome[one.name] = attempt(one, client)
	}
	must(json.NewEncoder(os.Stdout).Encode(outcome))
}
