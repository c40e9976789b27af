// Package storetest is the contract of a central store: [Store] says in words what
// every driver promises, and [Run] is the same promise as tests. A driver's own test
// file calls Run with a function that opens it, and adds only what is its own.
package storetest
