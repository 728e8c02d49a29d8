// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
)

func payloadOf(ctx context.Context, client *qdrant.Client,
	id uint64) map[string]*qdrant.Value {
	points := got(client.Get(ctx, &qdrant.GetPoints{CollectionName: name,
		Ids:         []*qdrant.PointId{qdrant.NewIDNum(id)},
		WithPayload: qdrant.NewWithPayload(true)}))
	equal(len(points), 1)
	return points[0].GetPayload()
}

func payload(ctx context.Context, client *qdrant.Client) {
	got(client.SetPayload(ctx, &qdrant.SetPayloadPoints{
		CollectionName: name, Wait: wait,
		Payload: qdrant.NewValueMap(map[string]any{"seen": true}),
		PointsSelector: qdrant.NewPointsSelectorFilter(
			place("Berlin"))}))
	values := payloadOf(ctx, client, 1)
	equal(len(values), 3)
	equal(values["seen"].GetBoolValue(), true)
	got(client.DeletePayload(ctx, &qdrant.DeletePayloadPoints{
		CollectionName: name, Wait: wait, Keys: []string{"seen", "people"},
		PointsSelector: one(1)}))
	equal(len(payloadOf(ctx, client, 1)), 1)
	got(client.OverwritePayload(ctx, &qdrant.SetPayloadPoints{
		CollectionName: name, Wait: wait, PointsSelector: one(1),
		Payload: qdrant.NewValueMap(map[string]any{
			"town": map[string]any{"name": "Bonn"}})}))
	town := payloadOf(ctx, client, 1)["town"].GetStructValue().GetFields()
	equal(town["name"].GetStringValue(), "Bonn")
	got(client.ClearPayload(ctx, &qdrant.ClearPayloadPoints{
		CollectionName: name, Wait: wait, Points: one(1)}))
	equal(len(payloadOf(ctx, client, 1)), 0)
}

func batchUpdate(ctx context.Context, client *qdrant.Client) {
	results := got(client.UpdateBatch(ctx, &qdrant.UpdateBatchPoints{
		CollectionName: name, Wait: wait,
		Operations: []*qdrant.PointsUpdateOperation{
			qdrant.NewPointsUpdateUpsert(
				&qdrant.PointsUpdateOperation_PointStructList{
					Points: []*qdrant.PointStruct{{
						Id:      qdrant.NewIDNum(9),
						Vectors: qdrant.NewVectors(1, 1, 1, 1)}}}),
			qdrant.NewPointsUpdateSetPayload(
				&qdrant.PointsUpdateOperation_SetPayload{
					PointsSelector: one(9),
					Payload: qdrant.NewValueMap(
						map[string]any{"city": "Cairo"})}),
			qdrant.NewPointsUpdateDeletePoints(
				&qdrant.PointsUpdateOperation_DeletePoints{Points: one(6)}),
		}}))
	equal(len(results), 3)
	equal(payloadOf(ctx, client, 9)["city"].GetStringValue(), "Cairo")
	equal(got(client.Count(ctx, &qdrant.CountPoints{CollectionName: name,
		Filter: place("Mumbai")})), uint64(0))
}

func aliases(ctx context.Context, client *qdrant.Client) {
	must(client.CreateAlias(ctx, "go-alias", name))
	equal(got(client.Count(ctx, &qdrant.CountPoints{
		CollectionName: "go-alias"})), uint64(7))
	must(client.RenameAlias(ctx, "go-alias", "go-other"))
	equal(got(client.ListCollectionAliases(ctx, name)), []string{"go-other"})
	found := false
	for _, alias := range got(client.ListAliases(ctx)) {
		found = found || (alias.GetAliasName() == "go-other" &&
			alias.GetCollectionName() == name)
	}
	equal(found, true)
	must(client.DeleteAlias(ctx, "go-other"))
	equal(len(got(client.ListCollectionAliases(ctx, name))), 0)
}

func updateCollection(ctx context.Context, client *qdrant.Client) {
	must(client.UpdateCollection(ctx, &qdrant.UpdateCollection{
		CollectionName: name, OptimizersConfig: &qdrant.OptimizersConfigDiff{
			IndexingThreshold: qdrant.PtrOf(uint64(50000))}}))
	config := got(client.GetCollectionInfo(ctx, name)).GetConfig()
	equal(config.GetOptimizerConfig().GetIndexingThreshold(), uint64(50000))
	cluster := got(client.GetCollectionClusterInfo(ctx, name))
	equal(cluster.GetShardCount(), uint64(1))
}

func refusals(ctx context.Context, client *qdrant.Client) {
	_, err := client.GetCollectionInfo(ctx, "go-none")
	refused(codes.NotFound, err)
	_, err = client.Query(ctx, &qdrant.QueryPoints{CollectionName: name,
		Query: qdrant.NewQuery(1, 2)})
	refused(codes.InvalidArgument, err)
	_, err = client.Upsert(ctx, &qdrant.UpsertPoints{CollectionName: name,
		Points: []*qdrant.PointStruct{{Id: qdrant.NewID("no id"),
			Vectors: qdrant.NewVectors(1, 2, 3, 4)}}})
	refused(codes.InvalidArgument, err)
}

func remove(ctx context.Context, client *qdrant.Client) {
	result := got(client.Delete(ctx, &qdrant.DeletePoints{
		CollectionName: name, Wait: wait,
		Points: qdrant.NewPointsSelectorFilter(place("London"))}))
	equal(result.GetStatus(), qdrant.UpdateStatus_Completed)
	equal(got(client.Count(ctx, &qdrant.CountPoints{
		CollectionName: name, Exact: wait})), uint64(6))
	must(client.DeleteCollection(ctx, name))
	equal(got(client.CollectionExists(ctx, name)), false)
}
