// SPDX-License-Identifier: Apache-2.0

use crate::reads::{nums, place, QUERY};
use crate::{ensure, refused, Outcome, NAME};
use qdrant_client::qdrant::points_update_operation::{
    DeletePoints, Operation, PointStructList, SetPayload,
};
use qdrant_client::qdrant::{
    ClearPayloadPointsBuilder, CountPointsBuilder, CreateAliasBuilder, CreateCollectionBuilder,
    DeletePayloadPointsBuilder, DeletePointVectorsBuilder, DeletePointsBuilder, Distance, Fusion,
    GetPointsBuilder, OptimizersConfigDiffBuilder, PointStruct, PointVectors, PointsIdsList,
    PointsUpdateOperation, PrefetchQueryBuilder, Query, QueryPointsBuilder, RenameAliasBuilder,
    ScalarQuantizationBuilder, SetPayloadPointsBuilder, SparseVectorParamsBuilder,
    SparseVectorsConfigBuilder, UpdateBatchPointsBuilder, UpdateCollectionBuilder,
    UpdatePointVectorsBuilder, UpdateStatus, UpsertPointsBuilder, Vector, VectorParamsBuilder,
    VectorsSelector,
};
use qdrant_client::{Payload, Qdrant};
use serde_json::{json, Value};
use std::collections::HashMap;
use tonic::Code;

fn payload(value: Value) -> Payload {
    Payload::try_from(value).expect("an object")
}

fn ids(ids: &[u64]) -> PointsIdsList {
    PointsIdsList {
        ids: ids.iter().map(|id| (*id).into()).collect(),
    }
}

async fn payload_of(client: &Qdrant, id: u64) -> Result<Value, Box<dyn std::error::Error>> {
    let points = client
        .get_points(GetPointsBuilder::new(NAME, vec![id.into()]).with_payload(true))
        .await?
        .result;
    let point = points.first().ok_or("no such point")?;
    Ok(serde_json::to_value(&point.payload)?)
}

async fn count(client: &Qdrant, name: &str) -> Result<u64, qdrant_client::QdrantError> {
    let answer = client
        .count(CountPointsBuilder::new(name).exact(true))
        .await?;
    Ok(answer.result.map_or(0, |result| result.count))
}

pub async fn step_health(client: &Qdrant) -> Outcome {
    let reply = client.health_check().await?;
    ensure(reply.title.as_str(), "qdrant - vector search engine")
}

pub async fn step_create(client: &Qdrant) -> Outcome {
    let mut sparse = SparseVectorsConfigBuilder::default();
    sparse.add_named_vector_params("words", SparseVectorParamsBuilder::default());
    let request = CreateCollectionBuilder::new(NAME)
        .vectors_config(VectorParamsBuilder::new(4, Distance::Dot))
        .sparse_vectors_config(sparse)
        .quantization_config(ScalarQuantizationBuilder::default());
    ensure(
        client.create_collection(request.clone()).await?.result,
        true,
    )?;
    ensure(client.collection_exists(NAME).await?, true)?;
    let list = client.list_collections().await?.collections;
    ensure(list.iter().any(|one| one.name == NAME), true)?;
    refused(Code::AlreadyExists, client.create_collection(request).await)
}

pub async fn step_upsert(client: &Qdrant) -> Outcome {
    let cities = [
        (1, [0.05, 0.61, 0.76, 0.74], "Berlin", 3),
        (2, [0.19, 0.81, 0.75, 0.11], "London", 9),
        (3, [0.36, 0.55, 0.47, 0.94], "Moscow", 13),
        (4, [0.18, 0.01, 0.85, 0.80], "New York", 8),
        (5, [0.24, 0.18, 0.22, 0.44], "Beijing", 21),
        (6, [0.35, 0.08, 0.11, 0.44], "Mumbai", 12),
    ];
    let points: Vec<PointStruct> = cities
        .iter()
        .map(|(id, vector, city, people)| {
            let about = payload(json!({"city": city, "people": people}));
            PointStruct::new(*id as u64, vector.to_vec(), about)
        })
        .collect();
    let result = client
        .upsert_points(UpsertPointsBuilder::new(NAME, points).wait(true))
        .await?
        .result
        .ok_or("no result")?;
    ensure(result.status, UpdateStatus::Completed as i32)?;
    let odd = PointStruct::new(
        "58384991-3295-4e21-b711-fd3b94fa73e3",
        vec![0.0, 0.0, 0.0, 0.1],
        payload(json!({"list": [true, 1, "text", null],
            "deep": {"big": i64::MAX, "half": 0.5}})),
    );
    client
        .upsert_points_chunked(UpsertPointsBuilder::new(NAME, vec![odd]).wait(true), 1)
        .await?;
    let info = client
        .collection_info(NAME)
        .await?
        .result
        .ok_or("no info")?;
    ensure(info.points_count, Some(7))
}

pub async fn step_vectors_and_hybrid(client: &Qdrant) -> Outcome {
    let words = |id: u64, pairs: &[(u32, f32)]| PointVectors {
        id: Some(id.into()),
        vectors: Some(HashMap::from([("words".to_string(), Vector::from(pairs))]).into()),
    };
    let points = vec![words(1, &[(1, 1.0), (7, 2.0)]), words(2, &[(7, 4.0)])];
    client
        .update_vectors(UpdatePointVectorsBuilder::new(NAME, points).wait(true))
        .await?;
    let sparse = || Query::from(vec![(7, 1.0)]);
    let asked = QueryPointsBuilder::new(NAME).query(sparse()).using("words");
    let hits = client.query(asked.clone()).await?.result;
    ensure(nums(&hits), vec![2, 1])?;
    let prefetch = PrefetchQueryBuilder::default;
    let fused = client
        .query(
            QueryPointsBuilder::new(NAME)
                .add_prefetch(prefetch().query(sparse()).using("words").limit(3u64))
                .add_prefetch(prefetch().query(QUERY.to_vec()).limit(3u64))
                .query(Fusion::Rrf)
                .limit(1),
        )
        .await?
        .result;
    ensure(nums(&fused), vec![1])?;
    client
        .delete_vectors(
            DeletePointVectorsBuilder::new(NAME)
                .points_selector(ids(&[2]))
                .vectors(VectorsSelector {
                    names: vec!["words".into()],
                })
                .wait(true),
        )
        .await?;
    ensure(nums(&client.query(asked).await?.result), vec![1])
}

pub async fn step_payload(client: &Qdrant) -> Outcome {
    client
        .set_payload(
            SetPayloadPointsBuilder::new(NAME, payload(json!({"seen": true})))
                .points_selector(place("Berlin"))
                .wait(true),
        )
        .await?;
    let whole = json!({"city": "Berlin", "people": 3, "seen": true});
    ensure(payload_of(client, 1).await?, whole)?;
    let keys = vec!["seen".to_string(), "people".to_string()];
    client
        .delete_payload(
            DeletePayloadPointsBuilder::new(NAME, keys)
                .points_selector(ids(&[1]))
                .wait(true),
        )
        .await?;
    ensure(payload_of(client, 1).await?, json!({"city": "Berlin"}))?;
    client
        .overwrite_payload(
            SetPayloadPointsBuilder::new(NAME, payload(json!({"town": {"name": "Bonn"}})))
                .points_selector(ids(&[1]))
                .wait(true),
        )
        .await?;
    ensure(
        payload_of(client, 1).await?,
        json!({"town": {"name": "Bonn"}}),
    )?;
    client
        .clear_payload(
            ClearPayloadPointsBuilder::new(NAME)
                .points(ids(&[1]))
                .wait(true),
        )
        .await?;
    ensure(payload_of(client, 1).await?, json!({}))
}

pub async fn step_batch_update(client: &Qdrant) -> Outcome {
    let operations = [
        Operation::Upsert(PointStructList {
            points: vec![PointStruct::new(9, vec![1.0; 4], payload(json!({})))],
            ..Default::default()
        }),
        Operation::SetPayload(SetPayload {
            payload: payload(json!({"city": "Cairo"})).into(),
            points_selector: Some(vec![9.into()].into()),
            ..Default::default()
        }),
        Operation::DeletePoints(DeletePoints {
            points: Some(vec![6.into()].into()),
            ..Default::default()
        }),
    ];
    let operations: Vec<PointsUpdateOperation> = operations
        .into_iter()
        .map(|operation| PointsUpdateOperation {
            operation: Some(operation),
        })
        .collect();
    let results = client
        .update_points_batch(UpdateBatchPointsBuilder::new(NAME, operations).wait(true))
        .await?
        .result;
    ensure(results.len(), 3)?;
    ensure(payload_of(client, 9).await?, json!({"city": "Cairo"}))?;
    ensure(count(client, NAME).await?, 7)
}

pub async fn step_aliases(client: &Qdrant) -> Outcome {
    client
        .create_alias(CreateAliasBuilder::new(NAME, "rust-alias"))
        .await?;
    ensure(count(client, "rust-alias").await?, 7)?;
    client
        .rename_alias(RenameAliasBuilder::new("rust-alias", "rust-other"))
        .await?;
    let aliases = client.list_collection_aliases(NAME).await?.aliases;
    ensure(aliases.len(), 1)?;
    ensure(aliases[0].alias_name.as_str(), "rust-other")?;
    let all = client.list_aliases().await?.aliases;
    ensure(all.iter().any(|alias| alias.collection_name == NAME), true)?;
    client.delete_alias("rust-other").await?;
    refused(Code::NotFound, count(client, "rust-other").await)
}

pub async fn step_update_collection(client: &Qdrant) -> Outcome {
    let optimizers = OptimizersConfigDiffBuilder::default().indexing_threshold(50_000);
    client
        .update_collection(UpdateCollectionBuilder::new(NAME).optimizers_config(optimizers))
        .await?;
    let info = client
        .collection_info(NAME)
        .await?
        .result
        .ok_or("no info")?;
    let config = info.config.ok_or("no config")?;
    let threshold = config
        .optimizer_config
        .and_then(|optimizer| optimizer.indexing_threshold);
    ensure(threshold, Some(50_000))?;
    let cluster = client.collection_cluster_info(NAME).await?;
    ensure(cluster.shard_count, 1)
}

pub async fn step_refusals(client: &Qdrant) -> Outcome {
    refused(Code::NotFound, client.collection_info("rust-none").await)?;
    let short = QueryPointsBuilder::new(NAME).query(vec![1.0, 2.0]);
    refused(Code::InvalidArgument, client.query(short).await)?;
    let points = vec![PointStruct::new("no id", vec![1.0; 4], payload(json!({})))];
    let answer = client
        .upsert_points(UpsertPointsBuilder::new(NAME, points))
        .await;
    refused(Code::InvalidArgument, answer)
}

pub async fn step_delete(client: &Qdrant) -> Outcome {
    client
        .delete_points(
            DeletePointsBuilder::new(NAME)
                .points(place("London"))
                .wait(true),
        )
        .await?;
    ensure(count(client, NAME).await?, 6)?;
    client.delete_collection(NAME).await?;
    ensure(client.collection_exists(NAME).await?, false)
}
