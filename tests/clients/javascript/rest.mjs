// SPDX-License-Identifier: Apache-2.0
// What the README of @qdrant/js-client-rest shows, and the rest of its methods
// on one server: node rest.mjs URL. Steps rely on those before them.
import assert from 'node:assert/strict';
import { BEST, CITIES, QUERY, load, near, run } from './steps.mjs';

const { QdrantClient } = await load('@qdrant/js-client-rest');
const client = new QdrantClient({ url: process.argv[2] });
const name = 'js-rest';
const place = (city) => ({ must: [{ key: 'city', match: { value: city } }] });
const ids = (points) => points.map((point) => point.id);
const payload = async (id) =>
    (await client.retrieve(name, { ids: [id] }))[0].payload;

async function refused(status, call) {
    await assert.rejects(call, (error) => {
        assert.equal(error.status, status);
        assert.match(error.data.status.error, /^\S/);
        return true;
    });
}

await run({
    async step_version() {
        const version = await client.versionInfo();
        assert.equal(version.title, 'qdrant - vector search engine');
    },

    async step_create() {
        assert.equal(await client.createCollection(name, {
            vectors: { size: 4, distance: 'Dot' },
            sparse_vectors: { words: {} },
            metadata: { owner: 'js' },
        }), true);
        assert.equal((await client.collectionExists(name)).exists, true);
        const { collections } = await client.getCollections();
        assert.ok(collections.some((one) => one.name === name));
        await refused(409, () => client.createCollection(
            name, { vectors: { size: 4, distance: 'Dot' } }));
    },

    async step_upsert() {
        const points = CITIES.map(({ id, vector, ...payload }) =>
            ({ id, vector, payload }));
        const done = await client.upsert(name, { wait: true, points });
        assert.equal(done.status, 'completed');
        const info = await client.getCollection(name);
        assert.equal(info.points_count, CITIES.length);
        assert.equal(info.config.params.vectors.size, 4);
        assert.deepEqual(info.config.metadata, { owner: 'js' });
    },

    async step_upsert_columns() {
        await client.upsert(name, { batch: {
            ids: [7, '5c56c793-69f3-4fbf-87e6-c4bf54c28c26'],
            vectors: [[1, 0, 0, 0], [0, 1, 0, 0]],
            payloads: [{ city: 'Oslo' }, { city: 'Rome' }] } });
        assert.equal((await client.count(name)).count, 8);
        await client.delete(name, { wait: true, points: [
            7, '5c56c793-69f3-4fbf-87e6-c4bf54c28c26'] });
    },

    async step_query() {
        const { points } = await client.query(name, { query: QUERY, limit: 3,
            with_payload: true });
        assert.deepEqual(ids(points), [4, 1, 3]);
        points.forEach((point) => near(point.score, BEST[point.id]));
        assert.equal(points[0].payload.city, 'New York');
    },

    async step_query_with_filter() {
        const { points } = await client.query(name, { query: QUERY,
            filter: place('London'), with_vector: true });
        assert.deepEqual(ids(points), [2]);
        near(points[0].score, 0.871);
        near(points[0].vector[1], 0.81);
        const many = await client.query(name, { query: QUERY, filter: {
            must: [{ key: 'people', range: { gte: 9 } }],
            must_not: [{ has_id: [2] }] } });
        assert.deepEqual(ids(many.points), [3, 5, 6]);
    },

    async step_query_batch_and_groups() {
        const answers = await client.queryBatch(name, { searches: [
            { query: QUERY, limit: 1 },
            { query: 1, limit: 1 },
            { query: { recommend: { positive: [4], negative: [2] } },
                limit: 1 },
            { query: { sample: 'random' }, limit: 2 }] });
        assert.deepEqual(answers.map((one) => one.points.length),
            [1, 1, 1, 2]);
        const { groups } = await client.queryGroups(name, {
            query: QUERY, group_by: 'city', group_size: 1, limit: 2 });
        assert.deepEqual(groups.map((group) => group.id),
            ['New York', 'Berlin']);
    },

    async step_hybrid() {
        await client.updateVectors(name, { points: [
            { id: 1, vector: { words: { indices: [1, 7], values: [1, 2] } } },
            { id: 2, vector: { words: { indices: [7], values: [4] } } }] });
        const words = { indices: [7], values: [1] };
        const sparse = await client.query(name, { query: words,
            using: 'words' });
        assert.deepEqual(ids(sparse.points), [2, 1]);
        const fused = await client.query(name, {
            prefetch: [{ query: words, using: 'words', limit: 5 },
                { query: QUERY, limit: 3 }],
            query: { fusion: 'rrf' }, limit: 1 });
        assert.deepEqual(ids(fused.points), [1]);
        await client.deleteVectors(name, { points: [2], vector: ['words'] });
        const rest = await client.query(name, { query: words,
            using: 'words' });
        assert.deepEqual(ids(rest.points), [1]);
    },

    async step_scroll() {
        const first = await client.scroll(name, { limit: 4 });
        assert.deepEqual(ids(first.points), [1, 2, 3, 4]);
        const rest = await client.scroll(name, { limit: 4,
            offset: first.next_page_offset, with_payload: ['city'] });
        assert.deepEqual(ids(rest.points), [5, 6]);
        assert.deepEqual(rest.points[0].payload, { city: 'Beijing' });
        assert.equal(rest.next_page_offset, null);
    },

    async step_indexes_facet_order() {
        await client.createPayloadIndex(name, { field_name: 'city',
            field_schema: 'keyword', wait: true });
        await client.createPayloadIndex(name, { field_name: 'people',
            field_schema: { type: 'integer', lookup: true, range: true },
            wait: true });
        const info = await client.getCollection(name);
        assert.equal(info.payload_schema.city.data_type, 'keyword');
        const { hits } = await client.facet(name, { key: 'city', exact: true,
            filter: { must: [{ key: 'people', range: { lt: 9 } }] } });
        assert.deepEqual(hits, [{ value: 'Berlin', count: 1 },
            { value: 'New York', count: 1 }]);
        const page = await client.scroll(name, { limit: 2,
            order_by: { key: 'people', direction: 'desc' } });
        assert.deepEqual(ids(page.points), [5, 3]);
        await client.deletePayloadIndex(name, 'people');
        assert.equal((await client.getCollection(name)).payload_schema.people,
            undefined);
    },

    async step_matrix() {
        const asked = { sample: 6, limit: 2 };
        const { pairs } = await client.searchMatrixPairs(name, asked);
        const { ids, scores } = await client.searchMatrixOffsets(name, asked);
        assert.equal(pairs.length, 12);
        assert.equal(ids.length, 6);
        assert.equal(scores.length, 12);
    },

    async step_payload() {
        await client.setPayload(name, { payload: { seen: true },
            filter: place('Berlin') });
        assert.deepEqual(await payload(1),
            { city: 'Berlin', people: 3, seen: true });
        await client.setPayload(name, { payload: { mayor: 'x' }, key: 'town',
            points: [1] });
        assert.deepEqual((await payload(1)).town, { mayor: 'x' });
        await client.deletePayload(name, { keys: ['seen', 'town.mayor'],
            points: [1] });
        assert.deepEqual(await payload(1),
            { city: 'Berlin', people: 3, town: {} });
        await client.overwritePayload(name, { payload: { city: 'Bonn' },
            points: [1] });
        assert.deepEqual(await payload(1), { city: 'Bonn' });
        await client.clearPayload(name, { points: [1] });
        assert.deepEqual(await payload(1), {});
    },

    async step_batch_update() {
        const done = await client.batchUpdate(name, { operations: [
            { upsert: { points: [{ id: 9, vector: [1, 1, 1, 1],
                payload: { city: 'Cairo' } }] } },
            { set_payload: { payload: { people: 10 }, points: [9] } },
            { delete: { points: [6] } }] });
        assert.deepEqual(done.map((one) => one.status),
            ['completed', 'completed', 'completed']);
        assert.deepEqual(await payload(9), { city: 'Cairo', people: 10 });
        assert.deepEqual(await client.retrieve(name, { ids: [6] }), []);
    },

    async step_aliases() {
        await client.updateCollectionAliases({ actions: [{ create_alias: {
            collection_name: name, alias_name: 'js-alias' } }] });
        assert.equal((await client.count('js-alias')).count, 6);
        await client.updateCollectionAliases({ actions: [{ rename_alias: {
            old_alias_name: 'js-alias', new_alias_name: 'js-other' } }] });
        const { aliases } = await client.getCollectionAliases(name);
        assert.deepEqual(aliases,
            [{ alias_name: 'js-other', collection_name: name }]);
        assert.ok((await client.getAliases()).aliases.length >= 1);
        await client.updateCollectionAliases({ actions: [{ delete_alias: {
            alias_name: 'js-other' } }] });
        await refused(404, () => client.count('js-other'));
    },

    async step_update_collection() {
        assert.equal(await client.updateCollection(name, {
            optimizers_config: { indexing_threshold: 50000 },
            strict_mode_config: { enabled: true, max_query_limit: 3 } }),
        true);
        const { config } = await client.getCollection(name);
        assert.equal(config.optimizer_config.indexing_threshold, 50000);
        await refused(400, () => client.query(name, { query: QUERY,
            limit: 4 }));
    },

    async step_cluster_info() {
        const info = await client.collectionClusterInfo(name);
        assert.equal(info.shard_count, 1);
    },

    async step_refusals() {
        await refused(404, () => client.getCollection('js-none'));
        await refused(400, () => client.query(name, { query: [1, 2] }));
        await refused(400, () => client.upsert(name, { points: [
            { id: 'no id', vector: [1, 2, 3, 4] }] }));
    },

    async step_integers_of_64_bits() {
        const big = 9007199254740991; // the largest that numbers hold exactly
        await client.upsert(name, { points: [{ id: big, vector: [1, 0, 0, 1],
            payload: { big } }] });
        assert.deepEqual(await payload(big), { big });
    },

    async step_delete() {
        await client.delete(name, { wait: true, filter: place('London') });
        assert.deepEqual(await client.retrieve(name, { ids: [2] }), []);
        assert.equal(await client.deleteCollection(name), true);
        assert.equal((await client.collectionExists(name)).exists, false);
    },
});
