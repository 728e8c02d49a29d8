// SPDX-License-Identifier: Apache-2.0
// The same by @qdrant/js-client-grpc: node grpc.mjs GRPC_PORT. Its methods are
// those of the services, their messages plain objects.
import assert from 'node:assert/strict';
import { BEST, CITIES, QUERY, load, near, run } from './steps.mjs';

const { QdrantClient } = await load('@qdrant/js-client-grpc');
const client = new QdrantClient({ host: '127.0.0.1',
    port: Number(process.argv[2]) });
const collections = client.api('collections');
const points = client.api('points');
const collectionName = 'js-grpc';
const wait = true;

const one = (kind, value) => ({ case: kind, value });
const id = (number) => ({ pointIdOptions: one('num', BigInt(number)) });
const number = (point) => Number(point.id.pointIdOptions.value);
const numbers = (list) => list.map(number);
const text = (value) => ({ kind: one('stringValue', value) });
const integer = (value) => ({ kind: one('integerValue', BigInt(value)) });
const dense = (data) => ({ vectorsOptions: one('vector',
    { vector: one('dense', { data }) }) });
const nearest = (data) => ({ variant: one('nearest',
    { variant: one('dense', { data }) }) });
const some = (ids) => ({ pointsSelectorOneOf: one('points',
    { ids: ids.map(id) }) });
const place = (city) => ({ must: [{ conditionOneOf: one('field',
    { key: 'city', match: { matchValue: one('keyword', city) } }) }] });
const whole = { selectorOptions: one('enable', true) };
const payload = async (of) => {
    const { result } = await points.get({ collectionName, ids: [id(of)],
        withPayload: whole });
    return Object.fromEntries(Object.entries(result[0].payload).map(
        ([key, value]) => [key, value.kind.value]));
};
const count = async (name) => Number((await points.count(
    { collectionName: name, exact: true })).result.count);

async function refused(code, call) {
    await assert.rejects(call, (error) => {
        assert.equal(error.code, code, error.message);
        assert.match(error.rawMessage, /\S/);
        return true;
    });
}
const INVALID_ARGUMENT = 3, NOT_FOUND = 5, ALREADY_EXISTS = 6;
const vectorsConfig = { config: one('params', { size: 4n, distance: 3 }) };

await run({
    async step_health() {
        const health = await client.api('service').healthCheck({});
        assert.match(health.version, /^\d+\.\d+/);
    },

    async step_create() {
        const done = await collections.create({ collectionName,
            vectorsConfig });
        assert.equal(done.result, true);
        const there = await collections.collectionExists({ collectionName });
        assert.equal(there.result.exists, true);
        const list = await collections.list({});
        assert.ok(list.collections.some((c) => c.name === collectionName));
        await refused(ALREADY_EXISTS, () => collections.create(
            { collectionName, vectorsConfig }));
    },

    async step_upsert() {
        const done = await points.upsert({ collectionName, wait,
            points: CITIES.map((city) => ({ id: id(city.id),
                vectors: dense(city.vector),
                payload: { city: text(city.city),
                    people: integer(city.people) } })) });
        assert.equal(done.result.status, 2); // Completed
        const { result } = await collections.get({ collectionName });
        assert.equal(result.pointsCount, 6n);
        assert.equal(result.config.params.vectorsConfig.config.value.size, 4n);
    },

    async step_query() {
        const { result } = await points.query({ collectionName,
            query: nearest(QUERY), limit: 3n, withPayload: whole });
        assert.deepEqual(numbers(result), [4, 1, 3]);
        result.forEach((hit) => near(hit.score, BEST[number(hit)]));
        assert.equal(result[0].payload.city.kind.value, 'New York');
    },

    async step_query_with_filter() {
        const { result } = await points.query({ collectionName,
            query: nearest(QUERY), filter: place('London'),
            withVectors: whole });
        assert.deepEqual(numbers(result), [2]);
        const { vectorsOptions } = result[0].vectors;
        near(vectorsOptions.value.vector.value.data[1], 0.81);
    },

    async step_query_batch_and_groups() {
        const { result } = await points.queryBatch({ collectionName,
            queryPoints: [{ collectionName, query: nearest(QUERY), limit: 1n },
                { collectionName, limit: 2n }] });
        assert.deepEqual(result.map((answer) => answer.result.length), [1, 2]);
        const groups = await points.queryGroups({ collectionName,
            query: nearest(QUERY), groupBy: 'city', groupSize: 1n,
            limit: 2n });
        assert.deepEqual(groups.result.groups.map((g) => g.id.kind.value),
            ['New York', 'Berlin']);
    },

    async step_old_search() {
        const { result } = await points.search({ collectionName,
            vector: QUERY, limit: 3n });
        assert.deepEqual(numbers(result), [4, 1, 3]);
    },

    async step_scroll() {
        const first = await points.scroll({ collectionName, limit: 4 });
        assert.deepEqual(numbers(first.result), [1, 2, 3, 4]);
        const rest = await points.scroll({ collectionName, limit: 4,
            offset: first.nextPageOffset });
        assert.deepEqual(numbers(rest.result), [5, 6]);
        assert.equal(rest.nextPageOffset, undefined);
    },

    async step_indexes_and_facet() {
        await points.createFieldIndex({ collectionName, wait,
            fieldName: 'city', fieldType: 0 });
        const { result } = await collections.get({ collectionName });
        assert.equal(result.payloadSchema.city.dataType, 1); // Keyword
        const { hits } = await points.facet({ collectionName, key: 'city',
            exact: true });
        assert.equal(hits.length, 6);
        assert.equal(hits[0].count, 1n);
        await points.deleteFieldIndex({ collectionName, wait,
            fieldName: 'city' });
    },

    async step_payload() {
        await points.setPayload({ collectionName, wait,
            payload: { seen: { kind: one('boolValue', true) } },
            pointsSelector: some([1]) });
        assert.deepEqual(await payload(1),
            { city: 'Berlin', people: 3n, seen: true });
        await points.deletePayload({ collectionName, wait, keys: ['seen'],
            pointsSelector: some([1]) });
        await points.overwritePayload({ collectionName, wait,
            payload: { city: text('Bonn') }, pointsSelector: some([1]) });
        assert.deepEqual(await payload(1), { city: 'Bonn' });
        await points.clearPayload({ collectionName, wait,
            points: some([1]) });
        assert.deepEqual(await payload(1), {});
    },

    async step_vectors() {
        await points.updateVectors({ collectionName, wait, points: [
            { id: id(5), vectors: dense([2, 2, 2, 2]) }] });
        const { result } = await points.query({ collectionName,
            query: nearest(QUERY), limit: 1n });
        assert.deepEqual(numbers(result), [5]);
        near(result[0].score, 3.8);
    },

    async step_aliases() {
        const change = (kind, value) => collections.updateAliases(
            { actions: [{ action: one(kind, value) }] });
        await change('createAlias', { collectionName, aliasName: 'js-alias' });
        assert.equal(await count('js-alias'), 6);
        await change('renameAlias', { oldAliasName: 'js-alias',
            newAliasName: 'js-other' });
        const { aliases } = await collections.listCollectionAliases(
            { collectionName });
        assert.deepEqual(aliases.map((a) => a.aliasName), ['js-other']);
        await change('deleteAlias', { aliasName: 'js-other' });
        await refused(NOT_FOUND, () => count('js-other'));
    },

    async step_integers_of_64_bits() {
        const big = 2n ** 64n - 1n;
        await points.upsert({ collectionName, wait, points: [{ id: id(big),
            vectors: dense([1, 0, 0, 0]),
            payload: { big: integer(2n ** 63n - 1n) } }] });
        assert.deepEqual(await payload(big), { big: 2n ** 63n - 1n });
    },

    async step_refusals() {
        await refused(NOT_FOUND, () => collections.get(
            { collectionName: 'js-none' }));
        await refused(INVALID_ARGUMENT, () => points.query({ collectionName,
            query: nearest([1, 2]) }));
    },

    async step_delete() {
        await points.delete({ collectionName, wait,
            points: { pointsSelectorOneOf: one('filter', place('London')) } });
        assert.equal(await count(collectionName), 6);
        await collections.delete({ collectionName });
        const there = await collections.collectionExists({ collectionName });
        assert.equal(there.result.exists, false);
    },
});
