// Package dynamodb keeps tables of items as DynamoDB does: keys, sizes, numbers, conditions, pages and what its streams would
// show.
//
// [ReadItem] reads an item as requests have it, [ParseCondition] an expression; [Store] holds the tables, [Store.Put] and the
// other methods act on them, and [Store.Changes] is what became of it.
//
// It promises to take nothing that DynamoDB would refuse, and to refuse by name what it does not do: secondary indexes,
// transactions, projections, arithmetic in updates, attribute names in expressions without a # in front. Texts for which no
// answer of AWS is on record begin with "stand-in: "; the others are those of [the tests of dynalite], which were made against
// AWS, unless a source stands beside them. It knows nothing of HTTP, signatures or permissions.
//
// [the tests of dynalite]: https://github.com/architect/dynalite/tree/master/test
package dynamodb
