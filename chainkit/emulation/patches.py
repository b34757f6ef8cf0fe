"""Every private part of moto that the emulator replaces: where it stands, what is there, why, and which test proves it.

Nothing else of moto may be changed: `patching.patch` looks its place up here and refuses it if moto has something else
there. tests/emulation/test_patches.py holds that each row is used once, fits moto and has its proof. What is "upstream"
repairs what every user of moto would want: docs/UPSTREAM.md shows what moto does and what AWS does. What is "ours" ties
moto to our clock, our stories or our environments. What is for "speed" changes nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Patch(NamedTuple):
    """One row.

    Parameters
    ----------
    place : below ``moto.``: "module:attribute" or "module:Class.attribute"
    expects : what stands there, as `patching.described` says it: the names of a function's parameters, or "absent"
    is_upstream : whether it belongs into moto
    why : what would be wrong without it
    proof : "file::test" below tests/emulation that fails without it, or, for speed, goes through it
    """

    place: str
    expects: str
    is_upstream: bool
    why: str
    proof: str


# Places, then indented: what is there | whose repair it is | why | the proof.
_TABLE = """
stepfunctions.parser.asl.component.program.program:threading
    module threading | ours | its threads and events are on our clock |
    test_states.py::test_a_wait_takes_no_time_and_stands_in_the_history
stepfunctions.parser.asl.component.state.exec.state_map.iteration.inline_iteration_component:threading
stepfunctions.parser.asl.component.state.exec.state_map.iteration.job:threading
    module threading | ours | its threads and events are on our clock |
    test_states.py::test_waits_inside_branches_and_items_take_no_time_and_stand_in_the_story
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback:threading
    module threading | ours | its threads and events are on our clock |
    test_states.py::test_a_task_starts_another_machine
stepfunctions.parser.asl.component.state.exec.state_parallel.branch_worker:threading
stepfunctions.parser.asl.component.state.exec.state_parallel.branches_decl:threading
stepfunctions.parser.asl.component.state.exec.execute_state:threading
stepfunctions.parser.asl.eval.environment:threading
    module threading | ours | its threads and events are on our clock |
    test_states.py::test_waits_inside_branches_and_items_take_no_time_and_stand_in_the_story
stepfunctions.parser.asl.component.state.exec.execute_state:Thread
    class threading.Thread | ours | its threads are on our clock |
    test_states.py::test_waits_inside_branches_and_items_take_no_time_and_stand_in_the_story
stepfunctions.parser.backend.execution_worker:Thread
    class threading.Thread | ours | its threads are on our clock |
    test_states.py::test_a_wait_takes_no_time_and_stands_in_the_history
stepfunctions.parser.asl.eval.callback.callback:Event
    class threading.Event | ours | waits for callbacks are on our clock and end with the execution |
    test_callbacks.py::test_a_task_that_nobody_answers_fails_after_its_timeout
stepfunctions.parser.asl.component.state.state:datetime
    module datetime | ours | times in histories are the clock's |
    test_states.py::test_the_context_says_when_by_the_clock
stepfunctions.parser.asl.component.state.wait.wait_function.timestamp:datetime
    module datetime | ours | times in histories are the clock's |
    test_states.py::test_a_wait_until_a_timestamp_ends_at_that_time
stepfunctions.parser.asl.eval.event.event_manager:datetime
stepfunctions.parser.backend.execution:datetime
    module datetime | ours | times in histories are the clock's |
    test_states.py::test_a_wait_takes_no_time_and_stands_in_the_history
stepfunctions.parser.asl.component.program.program:Program._eval_body
    (self env) | ours | a wait that was ended from outside ends the program |
    test_callbacks.py::test_a_stopped_execution_ends_at_once_with_its_error
stepfunctions.parser.asl.eval.environment:Environment.set_timed_out
    (self) | ours | an execution out of time ends what it waits for |
    test_callbacks.py::test_an_execution_that_runs_out_of_time_ends_what_waits
stepfunctions.parser.asl.component.state.wait.wait_function.wait_function:WaitFunction._wait_interval
    (self env wait_seconds) | ours | a Wait lets the clock jump |
    test_states.py::test_a_wait_takes_no_time_and_stands_in_the_history
stepfunctions.parser.asl.component.common.retry.retrier_decl:time
    module time | ours | the wait of a Retry lets the clock jump |
    test_states.py::test_retry_and_catch_go_by_the_name_of_the_exception
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback:time
    module time | ours | who waits for a nested execution looks when one ends, not twice a second for an hour |
    test_states.py::test_a_task_starts_another_machine
stepfunctions.parser.asl.utils.boto_client:boto3
    module boto3 | speed | a new client for each call of a task is slow |
    test_states.py::test_tasks_send_publish_and_put_events
stepfunctions.parser.asl.parse.asl_parser:AmazonStateLanguageParser.parse
    (definition) | upstream | the grammar lacks ItemBatcher, EXPRESS children and whole percentages |
    test_maps.py::test_items_are_taken_in_batches
stepfunctions.parser.asl.component.state.choice.state_choice:StateChoice._eval_state
    (self env) | upstream | a Choice without a match fails as States.NoChoiceMatched |
    test_states.py::test_a_choice_without_a_match_fails_by_its_name
stepfunctions.parser.asl.parse.preprocessor:Preprocessor._inner_string_of
    (parser_rule_context) | upstream | escapes in strings are read | test_states.py::test_jsonata_assigns_and_computes
stepfunctions.parser.asl.jsonata.jsonata:_eval_jsonata
    None | upstream | there is no evaluator of JSONata | test_states.py::test_jsonata_assigns_and_computes
stepfunctions.parser.asl.eval.variable_store:encode_jsonata_variable_declarations
    (bindings) | upstream | strings are put into expressions without escapes |
    test_states.py::test_jsonata_assigns_and_computes
stepfunctions.parser.asl.eval.event.event_manager:EventManager.add_event
    (self context event_type event_details timestamp update_source_event_id) | ours | states stand in the story of a
    request | test_states.py::test_choice_parallel_and_map_run_functions
stepfunctions.responses:get_backend
    (account region) | ours | the interpreter is repaired when first asked for |
    test_states.py::test_choice_parallel_and_map_run_functions
stepfunctions.responses:StepFunctionResponse.start_sync_execution
    absent | upstream | StartSyncExecution is missing | test_states.py::test_an_express_machine_answers_synchronously
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn:StateTaskServiceSfn._eval_service_task
    (self env resource_runtime_part normalised_parameters state_credentials) | upstream | tasks send the API's names
    in the wrong case | test_states.py::test_a_task_starts_another_machine
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn:StateTaskServiceSfn._normalise_response
    (self response boto_service_name service_action_name) | upstream | answers have names in the wrong case, and
    values that are not JSON | test_states.py::test_a_task_starts_another_machine
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk:StateTaskServiceAwsSdk._eval_service_task
    (self env resource_runtime_part normalised_parameters state_credentials) | upstream | tasks send the API's names
    in the wrong case | test_states.py::test_a_task_sees_how_a_synchronous_express_execution_ended_by_its_status
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk:StateTaskServiceAwsSdk._normalise_response
    (self response boto_service_name service_action_name) | upstream | answers have names in the wrong case, and
    values that are not JSON | test_states.py::test_an_sdk_task_reads_an_object_and_fails_by_the_services_name
stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk:StateTaskServiceAwsSdk._normalise_service_error_name
    (service_name) | upstream | errors of services begin with a capital |
    test_states.py::test_an_sdk_task_reads_an_object_and_fails_by_the_services_name
stepfunctions.parser.models:StepFunctionsParserBackend.create_state_machine
    (self name definition roleArn tags publish loggingConfiguration tracingConfiguration encryptionConfiguration
    version_description sm_type) | upstream | transitions to nowhere are accepted |
    test_creation.py::test_a_definition_that_leads_nowhere_is_refused
stepfunctions.parser.models:StepFunctionsParserBackend.update_state_machine
    (self arn definition role_arn logging_configuration tracing_configuration encryption_configuration publish
    version_description) | upstream | transitions to nowhere are accepted |
    test_creation.py::test_an_update_is_checked_as_well
core.exceptions:AWSError.__init__
    (self message exception_type status) | upstream | errors of Step Functions lose their names |
    test_creation.py::test_a_definition_that_leads_nowhere_is_refused
stepfunctions.parser.models:StepFunctionsParserBackend.start_execution
    (self state_machine_arn name execution_input trace_header) | upstream | executions without a name collide;
    versions and aliases cannot be started | test_states.py::test_executions_without_names_do_not_collide
stepfunctions.parser.backend.execution_worker:ExecutionWorker.start
    (self) | ours | an execution is in flight from its start |
    test_callbacks.py::test_a_heartbeat_can_be_caught_by_its_own_name
stepfunctions.parser.backend.execution_worker:ExecutionWorker._execution_logic
    (self) | ours | the end of an execution is told | test_states.py::test_an_uncaught_error_fails_the_execution
stepfunctions.responses:StepFunctionResponse.stop_execution
    (self) | upstream | a stopped execution waits for its task, and loses error and cause |
    test_callbacks.py::test_a_stopped_execution_ends_at_once_with_its_error
stepfunctions.responses:StepFunctionResponse.describe_execution
    (self) | upstream | no end time after a timeout, no output that is null |
    test_executions.py::test_an_execution_that_runs_out_of_time_says_when
stepfunctions.responses:StepFunctionResponse.list_executions
    (self) | upstream | no end time after a timeout |
    test_executions.py::test_an_execution_that_runs_out_of_time_says_when
stepfunctions.responses:StepFunctionResponse.describe_state_machine_for_execution
    (self) | upstream | answers with today's definition |
    test_executions.py::test_an_execution_keeps_the_definition_it_began_with
stepfunctions.responses:StepFunctionResponse.get_execution_history
    (self) | upstream | no order, pages or choice of data |
    test_executions.py::test_a_history_is_read_in_pages_and_from_its_end
stepfunctions.parser.asl.eval.event.logging:CloudWatchLoggingSession.publish_history_log
    (self history_log) | upstream | logs are objects where CloudWatch Logs needs text |
    test_executions.py::test_executions_write_their_logs
stepfunctions.responses:StepFunctionResponse.get_activity_task
    absent | upstream | GetActivityTask is missing | test_callbacks.py::test_an_activity_hands_its_task_to_a_worker
stepfunctions.parser.asl.eval.callback.callback:ActivityTaskStartEndpoint._outcome
    absent | upstream | it is read before it is set | test_callbacks.py::test_an_activity_that_nobody_polls_times_out
stepfunctions.responses:StepFunctionResponse.send_task_success
    (self) | upstream | outputs are not checked; tokens of ended tasks are unknown |
    test_callbacks.py::test_a_token_is_good_once
stepfunctions.responses:StepFunctionResponse.send_task_failure
    (self) | upstream | the cause is lost | test_callbacks.py::test_a_failure_keeps_its_cause
stepfunctions.responses:StepFunctionResponse.send_task_heartbeat
    (self) | upstream | a heartbeat that nobody asked for is refused | test_callbacks.py::test_a_token_is_good_once
stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component:DistributedIterationComponent._map_run
    (self env eval_input) | upstream | failed children are not counted against the thresholds |
    test_maps.py::test_a_failed_child_fails_the_map_by_its_name
stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor.distributed_item_processor_worker:DistributedItemProcessorWorker._eval_job
    (self env job) | upstream | a failed child leaves null in the output |
    test_maps.py::test_failures_are_tolerated_by_number_or_percentage
stepfunctions.parser.asl.component.state.exec.state_map.iteration.iterator.distributed_iterator_worker:DistributedIteratorWorker._eval_job
    (self env job) | upstream | a failed child leaves null in the output |
    test_maps.py::test_the_old_name_of_an_item_processor_counts_failures_too
stepfunctions.parser.asl.component.state.exec.state_map.item_reader.item_reader_decl:ItemReader._eval_body
    (self env) | upstream | a file that is not there is States.Runtime, which nothing catches |
    test_maps.py::test_items_that_cannot_be_read_fail_the_map_by_name
stepfunctions.parser.asl.component.state.exec.state_map.result_writer.resource_eval.resource_eval_s3:ResourceEvalS3._handle_put_object
    (env resource_runtime_part state_credentials) | upstream | result files are listed empty and not written |
    test_maps.py::test_results_are_written_to_files
stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval.resource_eval_s3:ResourceEvalS3._handle_list_objects_v2
    (env resource_runtime_part state_credentials) | upstream | items hold times that are not JSON, and one page only |
    test_maps.py::test_objects_of_a_bucket_are_items
core.responses:BaseResponse.call_action
    (self) | upstream | calls that are missing end as internal errors |
    test_refusals.py::test_a_call_that_is_missing_is_refused_by_its_name
stepfunctions.parser.asl.component.state.exec.state_task.state_task:StateTask._from_error
    (self env ex) | upstream | a missing heartbeat cannot be caught by its name |
    test_callbacks.py::test_a_heartbeat_can_be_caught_by_its_own_name
stepfunctions.parser.asl.component.state.exec.state_task.state_task_activitiy:StateTaskActivity._from_error
    (self env ex) | upstream | a missing heartbeat cannot be caught by its name |
    test_callbacks.py::test_an_activity_can_miss_its_heartbeat
stepfunctions.parser.asl.component.common.error_name.error_equals_decl:ErrorEqualsDecl._eval_body
    (self env) | upstream | States.ALL catches States.Runtime and States.DataLimitExceeded |
    test_states.py::test_a_catch_of_all_does_not_catch_a_runtime_error
core.utils:utcnow
    () | ours | moto's now is the clock's | test_now.py::test_what_a_function_logs_is_kept_after_the_clock_has_jumped
stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda:StateTaskLambda._from_error
    (self env ex) | upstream | a path that leads nowhere fails as Exception |
    test_states.py::test_a_catch_of_all_does_not_catch_a_runtime_error
core.utils:create_loader
    () | speed | moto looks through all of botocore's folders for each service |
    test_imports.py::test_botocores_folders_are_looked_through_once
backends:list_of_moto_modules
    () | speed | moto reads its folder at each request, which is slow |
    test_server.py::test_a_request_goes_from_the_api_through_a_queue_and_its_story_says_so
awslambda.responses:LambdaResponse.invoke
    (self) | ours | real handlers answer, in their environments | test_invoke.py::test_an_environment_is_reused
awslambda.responses:LambdaResponse.invoke_async
    (self) | upstream | the old call for events waits for the answer |
    test_functions.py::test_the_old_call_for_events_does_not_wait
awslambda.models:LambdaFunction.invoke
    (self body request_headers response_headers) | ours | real handlers answer what services send to a function |
    test_log_subscriptions.py::test_what_a_function_prints_reaches_another
core.responses:gen_amzn_requestid_long
    (headerdict) | ours | the id of an answer is the invocation's own |
    test_invoke.py::test_the_payload_comes_back_with_the_context_and_the_log_tail
awslambda.models:LambdaBackend.delete_function
    (self function_name qualifier) | ours | environments end with their function |
    test_invoke.py::test_the_environments_of_a_deleted_function_end
awslambda.models:LambdaFunction.__init__
    (self account_id spec region version) | upstream | settings are forgotten, and updates of others ignored |
    test_functions.py::test_what_is_asked_for_is_read_back_after_create_and_after_update
awslambda.models:LambdaFunction.update_configuration
    (self config_updates) | upstream | settings are forgotten, and updates of others ignored |
    test_functions.py::test_what_is_asked_for_is_read_back_after_create_and_after_update
awslambda.models:LambdaFunction.get_configuration
    (self on_create) | upstream | settings are forgotten, and updates of others ignored |
    test_functions.py::test_what_is_asked_for_is_read_back_after_create_and_after_update
awslambda.responses:LambdaResponse.put_function_event_invoke_config
awslambda.responses:LambdaResponse.update_function_event_invoke_config
    (self) | upstream | a second put is ignored, and so is the qualifier |
    test_event_invoke_configs.py::test_put_replaces_and_update_changes
awslambda.responses:LambdaResponse.get_function_event_invoke_config
awslambda.responses:LambdaResponse.delete_function_event_invoke_config
    (self) | upstream | a second put is ignored, and so is the qualifier |
    test_event_invoke_configs.py::test_each_qualifier_has_its_own
awslambda.responses:LambdaResponse.list_function_event_invoke_configs
    (self) | upstream | only one config of a function is known |
    test_event_invoke_configs.py::test_each_qualifier_has_its_own
awslambda.responses:LambdaResponse.create_function_url_config
awslambda.responses:LambdaResponse.update_function_url_config
awslambda.responses:LambdaResponse.get_function_url_config
awslambda.responses:LambdaResponse.delete_function_url_config
    (self) | ours | a URL answers, also one of an alias |
    test_function_urls.py::test_configs_are_created_read_changed_listed_and_deleted
awslambda.responses:LambdaResponse.list_function_url_configs
    absent | ours | ListFunctionUrlConfigs is missing |
    test_function_urls.py::test_configs_are_created_read_changed_listed_and_deleted
awslambda.models:LambdaStorage.publish_version
    (self name_or_arn description) | upstream | the number of a deleted version is given again |
    test_versions.py::test_the_number_of_a_deleted_version_is_not_given_again
awslambda.models:LambdaBackend.list_event_source_mappings
    (self event_source_arn function_name) | upstream | a mapping made with an ARN is not found by the name of its
    function | test_polling.py::test_a_mapping_is_listed_by_the_name_of_its_function
awslambda.models:LambdaBackend.create_event_source_mapping
    (self spec) | upstream | pollers in place of triggers inside the sender's call; a second mapping of the same two
    is accepted | test_mappings.py::test_a_second_mapping_of_the_same_two_is_refused_as_aws_does
awslambda.models:LambdaBackend.update_event_source_mapping
    (self uuid spec) | ours | pollers see the change |
    test_polling.py::test_a_disabled_mapping_rests_and_wakes_when_enabled
sqs.models:SQSBackend.receive_message
    (self queue_name count wait_seconds_timeout visibility_timeout message_attribute_names) | ours | waits for
    messages are on our clock |
    test_polling.py::test_what_an_outside_client_holds_stays_hidden_by_the_wall_while_the_clock_jumps
sqs.models:SQSBackend.send_message
    (self queue_name message_body message_attributes delay_seconds deduplication_id group_id system_attributes
    validate_group_id) | ours | a message stands in the story of its request |
    test_server.py::test_a_request_goes_from_the_api_through_a_queue_and_its_story_says_so
sqs.models:Queue.add_message
    (self message) | ours | messages carry their request and wake the pollers |
    test_polling.py::test_body_and_attributes_arrive
sqs.models:Queue.delete_message
    (self receipt_handle) | ours | queues are not safe between threads |
    test_process.py::test_two_hundred_asynchronous_messages_are_all_accounted_for
sqs.models:SQSBackend.purge_queue
    (self queue_name) | ours | queues are not safe between threads |
    test_process.py::test_two_hundred_asynchronous_messages_are_all_accounted_for
sqs.models:SQSBackend.change_message_visibility
    (self queue_name receipt_handle visibility_timeout) | ours | queues are not safe between threads |
    test_process.py::test_two_hundred_asynchronous_messages_are_all_accounted_for
sqs.models:Queue._set_attributes
    (self attributes now) | upstream | who sets an attribute takes the queue's policy away |
    test_queues.py::test_a_queue_keeps_its_policy_when_other_attributes_are_set
sqs.models:Queue._setup_dlq
    (self policy) | upstream | RedriveAllowPolicy is forgotten |
    test_queues.py::test_a_dead_letter_queue_keeps_who_may_use_it_and_refuses_others
sqs.models:Queue.redrive_allow_policy
    absent | upstream | RedriveAllowPolicy is forgotten |
    test_queues.py::test_a_dead_letter_queue_keeps_who_may_use_it_and_refuses_others
sqs.models:Queue.BASE_ATTRIBUTES
    ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed', 'ApproximateNumberOfMessagesNotVisible',
    'CreatedTimestamp', 'DelaySeconds', 'LastModifiedTimestamp', 'MaximumMessageSize', 'MessageRetentionPeriod',
    'QueueArn', 'Policy', 'RedrivePolicy', 'ReceiveMessageWaitTimeSeconds', 'VisibilityTimeout',
    'SqsManagedSseEnabled'] | upstream | RedriveAllowPolicy is forgotten |
    test_queues.py::test_a_dead_letter_queue_keeps_who_may_use_it_and_refuses_others
sqs.responses:SQSResponse.receive_message
    (self) | upstream | a dead letter does not say which queue gave it up |
    test_message_moves.py::test_a_dead_letter_says_which_queue_gave_it_up_and_goes_back_without_saying_so
sqs.responses:SQSResponse.start_message_move_task
sqs.responses:SQSResponse.cancel_message_move_task
sqs.responses:SQSResponse.list_message_move_tasks
    absent | upstream | message move tasks are missing |
    test_message_moves.py::test_one_task_runs_for_a_source_and_can_be_cancelled
sns.utils:FilterPolicyMatcher._field_match
    (field rules dict_body attributes_based_check) | upstream | a rule that does not fit a value decides for the
    others, or fails Publish | test_notifications.py::test_a_rule_that_does_not_fit_a_value_lets_the_others_decide
sns.responses:SNSResponse.publish
sns.responses:SNSResponse.publish_batch
    (self) | upstream | what a FIFO topic accepts has no sequence number |
    test_notifications.py::test_what_a_fifo_topic_accepts_has_a_number_that_grows
sns.models:Topic.publish
    (self message subject message_attributes group_id deduplication_id message_structure) | upstream | a FIFO topic
    does not deduplicate, and makes no id from the content |
    test_notifications.py::test_equal_messages_of_a_fifo_topic_are_delivered_once
sns.models:Subscription.publish
    (self message message_id subject message_attributes group_id deduplication_id message_structure) | ours |
    functions get the real event, asynchronously; targets that are gone are dead letters |
    test_notifications.py::test_a_function_gets_the_real_event
sns.models:Subscription.get_post_data
    (self message message_id subject message_attributes) | speed | a key and a certificate for each message are slow |
    test_notifications.py::test_a_queue_gets_the_envelope_or_the_raw_message
events.models:EventsBackend.put_events
    (self events) | ours | an event stands in the story of its request |
    test_events.py::test_only_the_matching_event_runs_the_function
events.models:EventsBackend.put_rule
    (self name description event_bus_arn event_pattern role_arn scheduled_expression state managed_by tags) | ours |
    rules with a schedule fire by our clock |
    test_schedules.py::test_a_rule_fires_for_each_minute_that_passes_and_never_makes_time_pass
events.models:Rule.send_to_targets
    (self original_event transform_input) | upstream | a function or state machine as target fails PutEvents; a
    disabled rule sends | test_events.py::test_a_disabled_rule_sends_nothing
events.models:EventsBackend.list_tags_for_resource
    (self arn) | upstream | rules of one name on two buses share their tags |
    test_events.py::test_rules_of_one_name_on_two_buses_have_tags_of_their_own
events.models:EventsBackend.tag_resource
    (self arn tags) | upstream | rules of one name on two buses share their tags |
    test_events.py::test_rules_of_one_name_on_two_buses_have_tags_of_their_own
events.models:EventsBackend.untag_resource
    (self arn tag_keys) | upstream | rules of one name on two buses share their tags |
    test_events.py::test_rules_of_one_name_on_two_buses_have_tags_of_their_own
events.models:Replay.replay_events
    (self archive) | ours | what is replayed goes through our targets, and by both clocks |
    test_archives.py::test_a_replay_runs_the_function_and_belongs_to_the_request_that_started_it
scheduler.models:EventBridgeSchedulerBackend.create_schedule
    (self description end_date flexible_time_window group_name kms_key_arn name schedule_expression
    schedule_expression_timezone start_date state target action_after_completion) | ours | schedules fire, by our
    clock | test_schedules.py::test_what_a_request_plans_is_in_flight_and_takes_no_time
scheduler.models:EventBridgeSchedulerBackend.update_schedule
    (self description end_date flexible_time_window group_name kms_key_arn name schedule_expression
    schedule_expression_timezone start_date state target) | ours | schedules fire, by our clock |
    test_schedules.py::test_cron_is_due_at_its_minute_and_an_update_counts
scheduler.models:EventBridgeSchedulerBackend.delete_schedule
    (self group_name name) | ours | a deleted schedule does not fire |
    test_schedules.py::test_what_is_deleted_before_its_time_is_no_longer_in_flight
pipes.models:EventBridgePipesBackend.create_pipe
    (self name description desired_state source source_parameters enrichment enrichment_parameters target
    target_parameters role_arn tags log_configuration kms_key_identifier) | ours | pipes run |
    test_pipes.py::test_a_function_gets_an_array_of_messages
pipes.models:EventBridgePipesBackend.start_pipe
    (self name) | ours | pipes run | test_pipes.py::test_a_stopped_pipe_rests_until_it_is_started
pipes.models:EventBridgePipesBackend.update_pipe
    (self name role_arn description desired_state source_parameters enrichment enrichment_parameters target
    target_parameters log_configuration kms_key_identifier) | ours | pipes run |
    test_pipes.py::test_a_stopped_pipe_rests_until_it_is_started
logs.models:LogStream._send_log_events
    (self service destination_arn filter_name log_events) | upstream | a subscriber runs asynchronously, and sees what
    its pattern lets through |
    test_log_subscriptions.py::test_a_function_gets_the_events_that_the_pattern_lets_through
s3.notifications:send_event
    (account_id event_name bucket key) | upstream | keys have their slashes quoted; targets run by our rules |
    test_storage.py::test_a_function_gets_what_the_filter_lets_through_with_the_key_as_aws_writes_it
dynamodb.models.table:StreamShard.add
    (self old new) | upstream | a write that changes nothing makes a record |
    test_streams.py::test_inserts_changes_and_removals_arrive_in_order_with_their_images
kinesis.models:Stream.put_record
    (self partition_key explicit_hash_key data) | ours | records carry their request and wake the pollers |
    test_streams.py::test_a_kinesis_record_arrives_as_aws_writes_it
"""


def _rows(lines: list[str]) -> Iterator[Patch]:
    """Read the table: places share the indented text that follows them."""
    places: list[str] = []
    text: list[str] = []
    for line in [*lines, ""]:
        if text and not line.startswith(" "):
            expects, whose, why, proof = " ".join(text).split(" | ")
            yield from (Patch(place, expects, whose == "upstream", why, proof) for place in places)
            places, text = [], []
        (text if line.startswith(" ") else places).append(line.strip())


PATCHES = {row.place: row for row in _rows(_TABLE.strip().splitlines())}
"""The rows by place."""
