// SPDX-License-Identifier: Apache-2.0

use crate::{ensure, near, Outcome, NAME};
use qdrant_client::qdrant::point_id::PointIdOptions;
use qdrant_client::qdrant::{
    Condition, CountPointsBuilder, CreateFieldIndexCollectionBuilder,
    DeleteFieldIndexCollectionBuilder, Direction, DiscoverPointsBuilder, FacetCountsBuilder,
    FieldType, Filter, GetPointsBuilder, OrderByBuilder, PayloadSchemaType, PointId, Query,
    QueryBatchPointsBuilder, QueryPointGroupsBuilder, QueryPointsBuilder, Range,
    RecommendPointsBuilder, ScoredPoint, ScrollPointsBuilder, SearchBatchPointsBuilder,
    SearchMatrixPointsBuilder, SearchParamsBuilder, SearchPointGroupsBuilder, SearchPointsBuilder,
};
use qdrant_client::Qdrant;

pub const QUERY: [f32; 4] = [0.2, 0.1, 0.9, 0.7];

pub fn num(id: &Option<PointId>) -> u64 {
    match id.as_ref().and_then(|id| id.point_id_options.as_ref()) {
        Some(PointIdOptions::Num(num)) => *num,
        _ => 0,
    }
}

pub fn nums(points: &[ScoredPoint]) -> Vec<u64> {
    points.iter().map(|point| num(&point.id)).collect()
}

pub fn place(city: &str) -> Filter {
    Filter::must([Condition::matches("city", city.to_string())])
}

pub async fn step_get(client: &Qdrant) -> Outcome {
    let uuid = "58384991-3295-4e21-b711-fd3b94fa73e3";
    let points = client
        .get_points(
            GetPointsBuilder::new(NAME, vec![uuid.into(), 1.into(), 99.into()])
                .with_payload(true)
                .with_vectors(true),
        )
        .await?
        .result;
    ensure(points.len(), 2)?;
    let point = points
        .iter()
        .find(|point| point.id == Some(PointId::from(uuid)))
        .ok_or("no point by UUID")?;
    let payload = serde_json::to_value(&point.payload)?;
    ensure(
        payload,
        serde_json::json!({"list": [true, 1, "text", null],
            "deep": {"big": i64::MAX, "half": 0.5}}),
    )
}

pub async fn step_query(client: &Qdrant) -> Outcome {
    let hits = client
        .query(
            QueryPointsBuilder::new(NAME)
                .query(QUERY.to_vec())
                .limit(3)
                .with_payload(true)
                .params(SearchParamsBuilder::default().exact(true)),
        )
        .await?
        .result;
    ensure(nums(&hits), vec![4, 1, 3])?;
    for (hit, score) in hits.iter().zip([1.362, 1.273, 1.208]) {
        near(hit.score, score)?;
    }
    ensure(
        hits[0].get("city").as_str().map(String::as_str),
        Some("New York"),
    )
}

pub async fn step_query_with_filter(client: &Qdrant) -> Outcome {
    let mut filter = Filter::must([Condition::range(
        "people",
        Range {
            gte: Some(9.0),
            ..Default::default()
        },
    )]);
    filter.must_not = vec![Condition::has_id([2])];
    let hits = client
        .query(
            QueryPointsBuilder::new(NAME)
                .query(QUERY.to_vec())
                .filter(filter),
        )
        .await?
        .result;
    ensure(nums(&hits), vec![3, 5, 6])?;
    let places = vec!["Berlin".to_string(), "London".to_string()];
    let hits = client
        .query(
            QueryPointsBuilder::new(NAME)
                .query(QUERY.to_vec())
                .filter(Filter::any([Condition::matches("city", places)])),
        )
        .await?
        .result;
    ensure(nums(&hits), vec![1, 2])
}

pub async fn step_query_batch_and_groups(client: &Qdrant) -> Outcome {
    let one = |query: Query| QueryPointsBuilder::new(NAME).query(query).limit(1).build();
    let queries = vec![
        one(QUERY.to_vec().into()),
        one(Query::new_nearest(PointId::from(1))),
    ];
    let answers = client
        .query_batch(QueryBatchPointsBuilder::new(NAME, queries))
        .await?
        .result;
    ensure(answers.len(), 2)?;
    ensure(nums(&answers[0].result), vec![4])?;
    let groups = client
        .query_groups(
            QueryPointGroupsBuilder::new(NAME, "city")
                .query(Query::from(QUERY.to_vec()))
                .limit(2u64)
                .group_size(1u64),
        )
        .await?
        .result
        .ok_or("no groups")?
        .groups;
    ensure(groups.len(), 2)?;
    ensure(nums(&groups[1].hits), vec![1])
}

// Deprecated, and still what many programs call.
pub async fn step_old_searches(client: &Qdrant) -> Outcome {
    let search = SearchPointsBuilder::new(NAME, QUERY.to_vec(), 3).build();
    let hits = client.search_points(search.clone()).await?.result;
    ensure(nums(&hits), vec![4, 1, 3])?;
    let answers = client
        .search_batch_points(SearchBatchPointsBuilder::new(NAME, vec![search]))
        .await?
        .result;
    ensure(nums(&answers[0].result), vec![4, 1, 3])?;
    let groups = client
        .search_groups(SearchPointGroupsBuilder::new(
            NAME,
            QUERY.to_vec(),
            2,
            "city",
            1,
        ))
        .await?
        .result
        .ok_or("no groups")?
        .groups;
    ensure(groups.len(), 2)?;
    let recommended = client
        .recommend(
            RecommendPointsBuilder::new(NAME, 2)
                .add_positive(4)
                .add_negative(2),
        )
        .await?
        .result;
    ensure(recommended.len(), 2)?;
    let discovered = client
        .discover(DiscoverPointsBuilder::new(NAME, vec![], 2).target(
            qdrant_client::qdrant::TargetVector {
                target: Some(qdrant_client::qdrant::target_vector::Target::Single(
                    qdrant_client::qdrant::VectorExample {
                        example: Some(qdrant_client::qdrant::vector_example::Example::Id(4.into())),
                    },
                )),
            },
        ))
        .await?
        .result;
    ensure(discovered.len(), 2)
}

pub async fn step_scroll_and_count(client: &Qdrant) -> Outcome {
    let page = client
        .scroll(ScrollPointsBuilder::new(NAME).limit(4))
        .await?;
    let first: Vec<u64> = page.result.iter().map(|point| num(&point.id)).collect();
    ensure(first, vec![1, 2, 3, 4])?;
    let offset = page.next_page_offset.ok_or("no second page")?;
    let rest = client
        .scroll(ScrollPointsBuilder::new(NAME).limit(4).offset(offset))
        .await?;
    ensure(rest.result.len(), 3)?;
    ensure(rest.next_page_offset, None)?;
    let count = client
        .count(
            CountPointsBuilder::new(NAME)
                .filter(place("Berlin"))
                .exact(true),
        )
        .await?
        .result;
    ensure(count.map(|result| result.count), Some(1))
}

pub async fn step_indexes_and_facet(client: &Qdrant) -> Outcome {
    for (field, kind) in [("city", FieldType::Keyword), ("people", FieldType::Integer)] {
        client
            .create_field_index(
                CreateFieldIndexCollectionBuilder::new(NAME, field, kind).wait(true),
            )
            .await?;
    }
    let info = client
        .collection_info(NAME)
        .await?
        .result
        .ok_or("no info")?;
    let kind = PayloadSchemaType::Keyword as i32;
    ensure(
        info.payload_schema
            .get("city")
            .map(|schema| schema.data_type),
        Some(kind),
    )?;
    let hits = client
        .facet(FacetCountsBuilder::new(NAME, "city").limit(10).exact(true))
        .await?
        .hits;
    ensure(hits.len(), 6)?;
    ensure(hits[0].count, 1)?;
    let ordered = client
        .scroll(
            ScrollPointsBuilder::new(NAME)
                .limit(2)
                .order_by(OrderByBuilder::new("people").direction(Direction::Desc as i32)),
        )
        .await?
        .result;
    let ids: Vec<u64> = ordered.iter().map(|point| num(&point.id)).collect();
    ensure(ids, vec![5, 3])?;
    client
        .delete_field_index(DeleteFieldIndexCollectionBuilder::new(NAME, "people").wait(true))
        .await?;
    let info = client
        .collection_info(NAME)
        .await?
        .result
        .ok_or("no info")?;
    ensure(info.payload_schema.len(), 1)
}

pub async fn step_matrix(client: &Qdrant) -> Outcome {
    let asked = || SearchMatrixPointsBuilder::new(NAME).sample(7).limit(2);
    let pairs = client
        .search_matrix_pairs(asked())
        .await?
        .result
        .ok_or("none")?;
    ensure(pairs.pairs.len(), 14)?;
    let offsets = client
        .search_matrix_offsets(asked())
        .await?
        .result
        .ok_or("none")?;
    ensure(offsets.ids.len(), 7)?;
    ensure(offsets.scores.len(), 14)
}
