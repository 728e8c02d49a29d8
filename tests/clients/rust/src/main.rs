// SPDX-License-Identifier: Apache-2.0

//! What the example of qdrant-client does, and the rest of its methods on one
//! server:
//!
//!     clients GRPC_PORT
//!
//! Prints one JSON object: {step: null or what failed}. Steps rely on those
//! before them.
mod changes;
mod reads;

use qdrant_client::{Qdrant, QdrantError};
use std::error::Error;
use std::future::Future;

pub const NAME: &str = "rust-client";

/// None: it went as expected. `?` on a refusal, `ensure` for the rest.
pub type Outcome = Result<(), Box<dyn Error>>;

pub fn ensure<T: PartialEq + std::fmt::Debug>(actual: T, expected: T) -> Outcome {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{actual:?} is not {expected:?}").into())
}

pub fn near(actual: f32, expected: f32) -> Outcome {
    if (actual - expected).abs() < 1e-5 {
        return Ok(());
    }
    Err(format!("{actual} is not near {expected}").into())
}

pub fn refused<T>(code: tonic::Code, answer: Result<T, QdrantError>) -> Outcome {
    match answer {
        Err(QdrantError::ResponseError { status }) => {
            ensure(status.code(), code)?;
            ensure(status.message().is_empty(), false)
        }
        Err(other) => Err(other.into()),
        Ok(_) => Err(format!("not refused by {code:?}").into()),
    }
}

struct Run {
    outcome: serde_json::Map<String, serde_json::Value>,
}

impl Run {
    async fn step(&mut self, name: &str, step: impl Future<Output = Outcome>) {
        let text = step.await.err().map(|error| format!("{error:?}"));
        self.outcome.insert(name.into(), text.into());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let port = std::env::args().nth(1).ok_or("which port?")?;
    let url = format!("http://127.0.0.1:{port}");
    // It looks at the server's version in a runtime of its own.
    let client = Qdrant::from_url(&url).build()?;
    let mut run = Run {
        outcome: Default::default(),
    };
    macro_rules! steps {
        ($($module:ident::$step:ident)*) => {
            $(run.step(stringify!($step), $module::$step(&client)).await;)*
        };
    }
    steps! {
        changes::step_health
        changes::step_create
        changes::step_upsert
        reads::step_get
        reads::step_query
        reads::step_query_with_filter
        reads::step_query_batch_and_groups
        reads::step_old_searches
        reads::step_scroll_and_count
        reads::step_indexes_and_facet
        reads::step_matrix
        changes::step_vectors_and_hybrid
        changes::step_payload
        changes::step_batch_update
        changes::step_aliases
        changes::step_update_collection
        changes::step_refusals
        changes::step_delete
    }
    println!("{}", serde_json::Value::Object(run.outcome));
    Ok(())
}
