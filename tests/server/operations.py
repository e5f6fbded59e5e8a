"""GraphQL operations as the client sends them."""

UPSERT_RUN = """
mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $config: JSONString,
    $sweep: String, $tags: [String!], $summaryMetrics: JSONString, $displayName: String) {
  upsertBucket(input: {id: $id, name: $name, modelName: $project, entityName: $entity, config: $config,
      sweep: $sweep, tags: $tags, summaryMetrics: $summaryMetrics, displayName: $displayName}) {
    bucket { id name displayName config sweepName project { id name entity { id name } } historyLineCount }
    inserted
  }
}"""

RUN = """
query Run($name: String!) {
  project(name: "p", entityName: "local") {
    run(name: $name) {
      id state exitcode config summaryMetrics historyLineCount logLineCount eventsLineCount historyKeys
      history(samples: 10000) events stopped shouldStop sweepName historyTail tags user { name }
    }
  }
}"""

RUNS = """
query Runs($filters: JSONString, $order: String, $first: Int, $after: String) {
  project(name: "p", entityName: "local") {
    runCount(filters: $filters)
    runs(filters: $filters, order: $order, first: $first, after: $after) {
      edges { cursor node { name state } }
      pageInfo { endCursor hasNextPage }
    }
  }
}"""

UPSERT_SWEEP = """
mutation UpsertSweep($id: ID, $config: String, $state: String, $priorRunsFilters: JSONString) {
  upsertSweep(input: {id: $id, config: $config, state: $state, entityName: "local", projectName: "p",
      priorRunsFilters: $priorRunsFilters}) {
    sweep { id name state project { name entity { name } } }
    configValidationWarnings
  }
}"""

SWEEP = """
query Sweep($name: String!) {
  project(name: "p", entityName: "local") {
    sweep(sweepName: $name) {
      id state bestLoss runCount runCountExpected
      runs { edges { node { id name state config stopped } } }
    }
  }
}"""

CREATE_AGENT = """
mutation CreateAgent($sweep: String!) {
  createAgent(input: {host: "here", sweep: $sweep, projectName: "p", entityName: "local"}) { agent { id } }
}"""

HEARTBEAT = """
mutation Heartbeat($id: ID!, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: "{}", runState: $runState}) { agent { id } commands }
}"""

ENQUEUE_RUN = """
mutation EnqueueSweepRun($id: ID!, $config: JSONString!) {
  enqueueSweepRun(input: {id: $id, config: $config}) { id }
}"""

STOP_RUN = "mutation StopRun($id: ID!) { stopRun(input: {id: $id}) { success } }"
DELETE_RUN = "mutation DeleteRun($id: ID!) { deleteRun(input: {id: $id}) { clientMutationId } }"
