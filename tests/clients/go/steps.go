// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"

	"github.com/qdrant/go-client/qdrant"
	"google.golang.org/grpc/codes"
)

const name = "go-client"

var steps = []step{
	{"step_health", health},
	{"step_create", create},
	{"step_upsert", upsert},
	{"step_get", get},
	{"step_query", query},
	{"step_query_with_filter", queryWithFilter},
	{"step_query_batch_and_groups", queryBatchAndGroups},
	{"step_hybrid", hybrid},
	{"step_scroll", scroll},
	{"step_indexes_and_facet", indexesAndFacet},
	{"step_matrix", matrix},
	{"step_payload", payload},
	{"step_batch_update", batchUpdate},
	{"step_aliases", aliases},
	{"step_update_collection", updateCollection},
	{"step_refusals", refusals},
	{"step_delete", remove},
}

var (
	wait     = qdrant.PtrOf(true)
	question = []float32{0.2, 0.1, 0.9, 0.7}
	cities   = []struct {
		id     uint64
		vector []float32
		city   string
		people int
	}{
		{1, []float32{0.05, 0.61, 0.76, 0.74}, "Berlin", 3},
		{2, []float32{0.19, 0.81, 0.75, 0.11}, "London", 9},
		{3, []float32{0.36, 0.55, 0.47, 0.94}, "Moscow", 13},
		{4, []float32{0.18, 0.01, 0.85, 0.80}, "New York", 8},
		{5, []float32{0.24, 0.18, 0.22, 0.44}, "Beijing", 21},
		{6, []float32{0.35, 0.08, 0.11, 0.44}, "Mumbai", 12},
	}
)

func nums[T interface{ GetId() *qdrant.PointId }](points []T) []uint64 {
	ids := []uint64{}
	for _, point := range points {
		ids = append(ids, point.GetId().GetNum())
	}
	return ids
}

func place(city string) *qdrant.Filter {
	return &qdrant.Filter{Must: []*qdrant.Condition{
		qdrant.NewMatch("city", city)}}
}

func one(id uint64) *qdrant.PointsSelector {
	return qdrant.NewPointsSelector(qdrant.NewIDNum(id))
}

func health(ctx context.Context, client *qdrant.Client) {
	reply := got(client.HealthCheck(ctx))
	equal(reply.GetTitle(), "qdrant - vector search engine")
}

func create(ctx context.Context, client *qdrant.Client) {
	request := &qdrant.CreateCollection{
		CollectionName: name,
		VectorsConfig: qdrant.NewVectorsConfig(&qdrant.VectorParams{
			Size: 4, Distance: qdrant.Distance_Dot}),
		SparseVectorsConfig: qdrant.NewSparseVectorsConfig(
			map[string]*qdrant.SparseVectorParams{"words": {}}),
		OptimizersConfig: &qdrant.OptimizersConfigDiff{
			DefaultSegmentNumber: qdrant.PtrOf(uint64(2))},
	}
	must(client.CreateCollection(ctx, request))
	equal(got(client.CollectionExists(ctx, name)), true)
	equal(slices.Contains(got(client.ListCollections(ctx)), name), true)
	refused(codes.AlreadyExists, client.CreateCollection(ctx, request))
}

func upsert(ctx context.Context, client *qdrant.Client) {
	points := []*qdrant.PointStruct{}
	for _, city := range cities {
		points = append(points, &qdrant.PointStruct{
			Id:      qdrant.NewIDNum(city.id),
			Vectors: qdrant.NewVectors(city.vector...),
			Payload: qdrant.NewValueMap(map[string]any{
				"city": city.city, "people": city.people}),
		})
	}
	points = append(points, &qdrant.PointStruct{
		Id:      qdrant.NewID("58384991-3295-4e21-b711-fd3b94fa73e3"),
		Vectors: qdrant.NewVectors(0, 0, 0, 0.1),
		Payload: qdrant.NewValueMap(map[string]any{
			"bool": true, "list": []any{true, 1, "string"},
			"count": 1000000, "square": 12.5}),
	})
	result := got(client.Upsert(ctx, &qdrant.UpsertPoints{
		CollectionName: name, Wait: wait, Points: points}))
	equal(result.GetStatus(), qdrant.UpdateStatus_Completed)
	info := got(client.GetCollectionInfo(ctx, name))
	equal(info.GetPointsCount(), uint64(7))
	equal(got(client.Count(ctx, &qdrant.CountPoints{
		CollectionName: name, Exact: wait, Filter: place("Berlin"),
	})), uint64(1))
}

func get(ctx context.Context, client *qdrant.Client) {
	uuid := qdrant.NewID("58384991-3295-4e21-b711-fd3b94fa73e3")
	points := got(client.Get(ctx, &qdrant.GetPoints{
		CollectionName: name, Ids: []*qdrant.PointId{uuid},
		WithPayload: qdrant.NewWithPayload(true),
		WithVectors: qdrant.NewWithVectors(true)}))
	equal(len(points), 1)
	equal(points[0].GetId().GetUuid(), uuid.GetUuid())
	values := points[0].GetPayload()
	equal(values["count"].GetIntegerValue(), int64(1000000))
	equal(values["square"].GetDoubleValue(), 12.5)
	equal(values["list"].GetListValue().GetValues()[2].GetStringValue(),
		"string")
	vector := points[0].GetVectors().GetVector().GetDense().GetData()
	near(vector[3], 0.1)
}

func query(ctx context.Context, client *qdrant.Client) {
	hits := got(client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: name, Query: qdrant.NewQuery(question...),
		Limit:       qdrant.PtrOf(uint64(3)),
		WithPayload: qdrant.NewWithPayloadInclude("city")}))
	equal(nums(hits), []uint64{4, 1, 3})
	for at, score := range []float32{1.362, 1.273, 1.208} {
		near(hits[at].GetScore(), score)
	}
	equal(len(hits[0].GetPayload()), 1)
	equal(hits[0].GetPayload()["city"].GetStringValue(), "New York")
}

func queryWithFilter(ctx context.Context, client *qdrant.Client) {
	hits := got(client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: name, Query: qdrant.NewQuery(question...),
		Filter: &qdrant.Filter{
			Must: []*qdrant.Condition{qdrant.NewRange("people",
				&qdrant.Range{Gte: qdrant.PtrOf(9.0)})},
			MustNot: []*qdrant.Condition{
				qdrant.NewHasID(qdrant.NewIDNum(2))},
		}}))
	equal(nums(hits), []uint64{3, 5, 6})
	hits = got(client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: name, Query: qdrant.NewQuery(question...),
		Filter: &qdrant.Filter{Should: []*qdrant.Condition{
			qdrant.NewMatchKeywords("city", "Berlin", "London")}}}))
	equal(nums(hits), []uint64{1, 2})
}

func queryBatchAndGroups(ctx context.Context, client *qdrant.Client) {
	single := qdrant.PtrOf(uint64(1))
	answers := got(client.QueryBatch(ctx, &qdrant.QueryBatchPoints{
		CollectionName: name, QueryPoints: []*qdrant.QueryPoints{
			{CollectionName: name, Limit: single,
				Query: qdrant.NewQuery(question...)},
			{CollectionName: name, Limit: single,
				Query: qdrant.NewQueryID(qdrant.NewIDNum(1))},
			{CollectionName: name, Limit: single,
				Query: qdrant.NewQueryRecommend(&qdrant.RecommendInput{
					Positive: []*qdrant.VectorInput{
						qdrant.NewVectorInputID(qdrant.NewIDNum(4))}})},
		}}))
	equal(len(answers), 3)
	equal(nums(answers[0].GetResult()), []uint64{4})
	equal(len(answers[2].GetResult()), 1)
	groups := got(client.QueryGroups(ctx, &qdrant.QueryPointGroups{
		CollectionName: name, Query: qdrant.NewQuery(question...),
		GroupBy: "city", GroupSize: single, Limit: qdrant.PtrOf(uint64(2))}))
	equal(len(groups), 2)
	equal(groups[0].GetId().GetStringValue(), "New York")
	equal(groups[1].GetId().GetStringValue(), "Berlin")
}

func hybrid(ctx context.Context, client *qdrant.Client) {
	words := func(indices []uint32, values []float32) *qdrant.Vectors {
		return qdrant.NewVectorsMap(map[string]*qdrant.Vector{
			"words": qdrant.NewVectorSparse(indices, values)})
	}
	got(client.UpdateVectors(ctx, &qdrant.UpdatePointVectors{
		CollectionName: name, Wait: wait, Points: []*qdrant.PointVectors{
			{Id: qdrant.NewIDNum(1),
				Vectors: words([]uint32{1, 7}, []float32{1, 2})},
			{Id: qdrant.NewIDNum(2),
				Vectors: words([]uint32{7}, []float32{4})},
		}}))
	sparse := qdrant.NewQuerySparse([]uint32{7}, []float32{1})
	using := qdrant.PtrOf("words")
	find := func() []uint64 {
		return nums(got(client.Query(ctx, &qdrant.QueryPoints{
			CollectionName: name, Query: sparse, Using: using})))
	}
	equal(find(), []uint64{2, 1})
	three := qdrant.PtrOf(uint64(3))
	fused := got(client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: name, Limit: qdrant.PtrOf(uint64(1)),
		Query: qdrant.NewQueryFusion(qdrant.Fusion_RRF),
		Prefetch: []*qdrant.PrefetchQuery{
			{Query: sparse, Using: using, Limit: three},
			{Query: qdrant.NewQuery(question...), Limit: three},
		}}))
	equal(nums(fused), []uint64{1})
	got(client.DeleteVectors(ctx, &qdrant.DeletePointVectors{
		CollectionName: name, Wait: wait, PointsSelector: one(2),
		Vectors: &qdrant.VectorsSelector{Names: []string{"words"}}}))
	equal(find(), []uint64{1})
}

func scroll(ctx context.Context, client *qdrant.Client) {
	page := &qdrant.ScrollPoints{CollectionName: name,
		Limit: qdrant.PtrOf(uint32(4))}
	points, offset, err := client.ScrollAndOffset(ctx, page)
	must(err)
	equal(nums(points), []uint64{1, 2, 3, 4})
	page.Offset = offset
	points, offset, err = client.ScrollAndOffset(ctx, page)
	must(err)
	equal(len(points), 3)
	if offset != nil {
		fail("there is a page after the last: %v", offset)
	}
}

func indexesAndFacet(ctx context.Context, client *qdrant.Client) {
	for field, kind := range map[string]qdrant.FieldType{
		"city":   qdrant.FieldType_FieldTypeKeyword,
		"people": qdrant.FieldType_FieldTypeInteger} {
		got(client.CreateFieldIndex(ctx, &qdrant.CreateFieldIndexCollection{
			CollectionName: name, Wait: wait, FieldName: field,
			FieldType: &kind}))
	}
	schema := got(client.GetCollectionInfo(ctx, name)).GetPayloadSchema()
	equal(schema["city"].GetDataType(), qdrant.PayloadSchemaType_Keyword)
	hits := got(client.Facet(ctx, &qdrant.FacetCounts{
		CollectionName: name, Key: "city", Exact: wait}))
	equal(len(hits), 6)
	equal(hits[0].GetCount(), uint64(1))
	points := got(client.Query(ctx, &qdrant.QueryPoints{
		CollectionName: name, Limit: qdrant.PtrOf(uint64(2)),
		Query: qdrant.NewQueryOrderBy(&qdrant.OrderBy{Key: "people",
			Direction: qdrant.Direction_Desc.Enum()})}))
	equal(nums(points), []uint64{5, 3})
	got(client.DeleteFieldIndex(ctx, &qdrant.DeleteFieldIndexCollection{
		CollectionName: name, Wait: wait, FieldName: "people"}))
	schema = got(client.GetCollectionInfo(ctx, name)).GetPayloadSchema()
	equal(len(schema), 1)
}

func matrix(ctx context.Context, client *qdrant.Client) {
	request := &qdrant.SearchMatrixPoints{CollectionName: name,
		Sample: qdrant.PtrOf(uint64(7)), Limit: qdrant.PtrOf(uint64(2))}
	pairs := got(client.SearchMatrixPairs(ctx, request))
	equal(len(pairs.GetPairs()), 14)
	offsets := got(client.SearchMatrixOffsets(ctx, request))
	equal(len(offsets.GetIds()), 7)
	equal(len(offsets.GetScores()), 14)
}
