//! What Node's own tests hold its streams to, and ours to it: the names of its files, those of the
//! tests here, and what of a file means nothing here, with the reason. The numbers are Node's where
//! they carry over.
//!
//! Writing:
//!
//! - test-stream2-writable.js:
//!   `fifty_chunks_arrive_in_order_whatever_the_mark_and_the_pace`,
//!   `a_writer_of_fifty_chunks_that_heeds_the_mark_of_fifty_bytes_waits_for_seventeen_drains`,
//!   `a_write_after_the_end_is_refused_and_what_came_before_it_arrives`,
//!   `a_stream_is_not_finished_before_its_last_write_is_done`,
//!   `a_stream_whose_last_chunk_is_empty_finishes`.
//!   Not here: encodings, since a chunk is bytes; a pipe out of a writable, which does not compile;
//!   a callback for each chunk, in whose place stand the answer of a write and a flush.
//! - test-stream-writable-write-error.js:
//!   `a_refused_write_says_why_and_gives_its_chunk_back`.
//!   Not here: a null, a chunk of the wrong type and an unknown encoding, which do not compile;
//!   auto-destroy switched off, since a stream always lets go of what it owns.
//! - test-stream-write-drain.js: `a_drain_is_not_told_after_the_end`.
//! - test-stream-writable-needdrain-state.js:
//!   `a_stream_needs_a_drain_from_the_write_that_fills_it_until_its_sink_is_done`.
//! - test-stream-writev.js: `what_was_corked_is_written_in_one_call_in_order`.
//!   Not here: the half of it that decodes strings.
//! - test-stream-writableState-uncorked-bufferedRequestCount.js:
//!   `corks_nest_and_the_end_takes_all_of_them_back`.
//! - test-stream-writable-end-multiple.js:
//!   `an_end_may_be_called_again_before_and_after_the_finish`.
//!   In Node one after the finish is an error; here it may be called again.
//!
//! Ends:
//!
//! - test-stream-writable-end-cb-error.js:
//!   `everyone_who_waits_for_the_finish_is_told_the_error_of_the_write`,
//!   `a_sink_that_cannot_finish_fails_its_stream`.
//! - test-stream-write-final.js:
//!   `a_stream_is_finished_when_its_sink_has_finished_and_not_before`,
//!   `a_stream_whose_last_chunk_is_empty_finishes`.
//! - test-stream-writable-final-async.js:
//!   `a_stream_is_finished_when_its_sink_has_finished_and_not_before`.
//! - test-stream-writable-final-throw.js: `a_sink_that_cannot_finish_fails_its_stream`.
//! - test-stream-writable-final-destroy.js: `a_destroy_while_the_sink_finishes_is_no_finish`.
//! - test-stream-transform-final.js:
//!   `a_chunk_is_through_its_transform_before_the_next_one_and_the_flush_comes_last`,
//!   `a_transform_has_finished_writing_while_it_flushes_and_ends_after`.
//!   Not here: its `final`, which a transform has beside its flush in Node.
//! - test-stream-finished.js:
//!   `a_stream_that_went_well_says_so_to_whoever_asks_and_however_late`,
//!   `a_file_that_is_not_there_is_not_found`,
//!   `a_stream_that_is_closed_before_its_end_says_so_to_both_sides`,
//!   `a_destroyed_stream_is_not_closed_before_its_sink_is_out_of_its_call`,
//!   `one_half_of_a_duplex_ends_while_the_other_one_does_not`,
//!   `what_nobody_reads_is_not_finished`,
//!   `an_abort_ends_the_wait_for_a_finish_that_never_comes`,
//!   `three_chunks_of_a_stream_that_was_over_before_go_through_another_one`.
//!   Not here: arguments of the wrong type, and things that only look like streams, which do not
//!   compile; listeners that are to be removed, since a wait is a call.
//! - test-stream-auto-destroy.js: `what_is_over_is_let_go_once_and_after_its_end`.
//! - test-stream-duplex-end.js:
//!   `a_duplex_that_reads_an_end_stays_open_or_ends_as_it_was_told`.
//! - test-stream-duplex-readable-end.js:
//!   `a_transform_that_has_enough_ends_what_is_behind_it_and_stops_what_is_before_it`.
//!
//! Torn down:
//!
//! - test-stream-write-destroy.js:
//!   `a_destroyed_machine_completes_what_is_in_flight_and_never_begins_what_is_queued`,
//!   `a_destroyed_stream_completes_what_is_in_flight_and_gives_back_what_is_queued`.
//! - test-stream-writable-destroy.js:
//!   `a_sink_learns_why_its_stream_is_destroyed_before_it_is_let_go`,
//!   `the_first_error_that_a_writable_is_destroyed_with_stays`,
//!   `after_a_destroy_a_write_is_refused_and_an_end_is_no_finish`,
//!   `a_destroy_gives_back_what_a_cork_held_back`,
//!   `a_stream_that_its_own_sink_aborts_is_not_finished`,
//!   `a_destroy_after_the_finish_changes_nothing`,
//!   `a_write_that_fails_gives_back_what_was_queued_behind_it`.
//!   Not here: a `_destroy` that swallows or replaces the error, since the first cause stays; a
//!   destroy without an error, in whose place stands the drop of the handle; `_undestroy`, and flags
//!   that are set from outside.
//! - test-stream-readable-destroy.js:
//!   `a_destroyed_readable_tells_its_error_and_no_end`,
//!   `the_first_error_that_a_readable_is_destroyed_with_stays`,
//!   `what_is_pushed_after_a_destroy_comes_back`.
//!   Not here: the same as of a writable.
//! - test-stream-transform-destroy.js:
//!   `a_destroyed_transform_is_not_flushed_and_both_its_ends_tell_why`.
//!   Not here: the same as of a writable.
//! - test-stream-destroy-event-order.js:
//!   `a_sink_learns_why_its_stream_is_destroyed_before_it_is_let_go`,
//!   `a_destroyed_readable_tells_its_error_and_no_end`.
//! - test-stream-error-once.js: `an_error_is_told_once`.
//! - test-stream-add-abort-signal.js: `a_signal_that_is_given_to_a_stream_ends_it`.
//!   Not here: what is no signal or no stream, which does not compile.
//!
//! Marks:
//!
//! - test-streams-highwatermark.js:
//!   `a_mark_of_more_than_32_bits_is_kept_and_one_that_makes_no_sense_is_refused`,
//!   `a_push_of_nothing_at_a_mark_of_0_asks_for_more`,
//!   `a_read_of_nothing_at_a_mark_of_0_asks_the_source_once`,
//!   `a_read_of_more_than_the_mark_raises_it_to_the_next_power_of_two`.
//!   Not here: marks that are no whole number, which do not compile.
//! - test-stream-backpressure.js:
//!   `a_machine_asks_for_eleven_bursts_and_holds_no_more_than_one_when_it_asks`,
//!   `a_source_of_ten_bursts_is_read_eleven_times_and_never_a_burst_ahead`.
//! - test-stream2-push.js:
//!   `a_source_that_cannot_wait_is_told_to_stop_at_the_mark_and_loses_nothing`.
//! - test-stream-readable-hwm-0.js:
//!   `a_source_behind_a_mark_of_0_is_asked_once_for_an_end`.
//! - test-stream-readable-hwm-0-async.js:
//!   `a_source_behind_a_mark_of_0_is_read_once_for_each_read`.
//! - test-stream-readable-hwm-0-no-flow-data.js:
//!   `a_read_behind_a_mark_of_0_is_what_makes_the_source_read`.
//!   Not here: the event before the data, and the mode that it puts the stream in.
//! - test-stream-big-push.js:
//!   `a_push_of_more_than_the_mark_is_taken_whole`,
//!   `a_source_of_chunks_above_the_mark_is_read_to_its_end_and_not_beyond`.
//!
//! Reading:
//!
//! - test-stream2-readable-from-list.js:
//!   `a_read_takes_exactly_so_much_across_chunks_and_what_is_left_at_the_end`,
//!   `a_read_of_any_list_of_chunks_is_a_read_of_their_bytes`.
//!   Not here: the half of it that reads strings.
//! - test-stream-unshift-read-race.js:
//!   `what_is_put_back_between_reads_is_neither_lost_nor_doubled`,
//!   `a_chunk_may_be_put_back_behind_the_last_push_and_none_may_be_pushed`.
//! - test-stream2-large-read-stall.js: `a_read_of_more_than_the_mark_does_not_stall`.
//! - test-stream2-read-sync-stack.js:
//!   `a_quarter_of_a_million_reads_of_one_byte_need_no_stack`.
//! - test-readable-from-iterator-closing.js:
//!   `an_endless_iterator_is_dropped_when_its_reader_breaks_off`,
//!   `a_source_that_fails_is_not_read_again_and_let_go`,
//!   `a_source_that_is_being_read_is_let_go_when_that_is_over`,
//!   `a_source_that_has_ended_is_let_go_while_its_stream_is_still_held`.
//!   Not here: iterators of promises.
//!
//! Text:
//!
//! - test-stream2-decode-partial.js:
//!   `a_character_that_is_cut_in_two_comes_out_once_wherever_it_is_cut`,
//!   `what_the_end_cuts_off_is_an_error_or_a_replacement`.
//! - test-stream2-set-encoding.js: `text_comes_out_whole_however_it_is_read`.
//!   Not here: hex and base64, which other crates make stages of.
//! - test-stream2-base64-single-char-read-end.js:
//!   `one_byte_that_is_the_last_one_too_is_not_lost`.
//!   Not here: base64, of which this is about the byte that is held back until the end.
//!
//! Stages:
//!
//! - test-stream2-transform.js:
//!   `of_ten_chunks_that_nobody_reads_ten_bytes_are_transformed_and_the_rest_waits`,
//!   `what_is_passed_on_is_read_in_whatever_pieces_are_asked_for`,
//!   `a_transform_that_takes_its_time_loses_nothing`,
//!   `more_or_less_may_come_out_than_went_in`,
//!   `an_item_that_is_false_or_empty_or_null_is_an_item`,
//!   `a_transform_that_cannot_make_anything_of_a_chunk_fails_its_stream`,
//!   `a_transform_that_keeps_a_chunk_for_the_next_one_does_not_stall_a_full_stream`.
//!   Not here: how often 'readable' is told, since a read waits by itself.
//! - test-stream-flatMap.js:
//!   `flat_map_reads_everything_that_is_made_of_each_item_in_order`,
//!   `an_operator_of_an_aborted_stream_is_not_called`,
//!   `an_abort_lets_no_more_calls_begin_than_run_at_the_same_time`.
//!   Not here: arguments of the wrong type, which do not compile, here and below.
//! - test-stream-forEach.js:
//!   `for_each_gets_the_items_in_order_until_it_fails`,
//!   `for_each_of_an_endless_stream_ends_with_the_call_that_aborts_it`,
//!   `an_abort_lets_no_more_calls_begin_than_run_at_the_same_time`.
//! - test-stream-filter.js:
//!   `filter_keeps_what_it_says_yes_to`,
//!   `filter_is_called_once_for_each_item_and_not_ahead`,
//!   `what_is_made_at_the_same_time_comes_in_order`,
//!   `an_abort_lets_no_more_calls_begin_than_run_at_the_same_time`.
//! - test-stream-drop-take.js:
//!   `take_and_skip_count_from_the_front`,
//!   `take_ends_a_stream_that_has_no_end`,
//!   `take_asks_for_no_more_than_it_takes`,
//!   `take_ends_a_pipeline_whose_source_is_silent`,
//!   `an_operator_of_an_aborted_stream_is_not_called`.
//!   Not here: a count that is negative or no number.
//!
//! Pipes:
//!
//! - test-stream-pipeline-queued-end-in-destroy.js:
//!   `an_end_in_the_middle_of_a_destroy_does_not_make_a_finish_of_it`,
//!   `a_pipeline_whose_source_breaks_off_does_not_finish_its_sink`.
//! - test-stream-pipe-await-drain.js: `of_three_sinks_the_slowest_paces_all`.
//! - test-stream-pipe-await-drain-push-while-write.js:
//!   `a_chunk_that_is_pushed_while_another_one_is_written_comes_behind_those_before_it`.
//! - test-stream-pipe-multiple-pipes.js:
//!   `five_sinks_get_each_chunk_once_until_they_have_enough`,
//!   `a_second_sink_gets_what_was_passed_on_before_the_first_had_enough`.
//!   Not here: an `unpipe` from outside; a sink that needs no more says so itself.
//! - test-stream-pipe-deadlock.js:
//!   `a_source_that_has_ended_is_piped_into_a_sink_that_is_full`.
//! - test-stream-pipe-needDrain.js:
//!   `a_source_that_has_ended_is_piped_into_a_sink_that_is_full`.
//! - test-stream2-finish-pipe-error.js:
//!   `a_pipe_into_a_sink_that_was_ended_is_an_error_and_lets_its_source_go`,
//!   `a_pipe_into_a_sink_that_somebody_else_stops_is_an_error_and_no_wait_without_end`.
//! - test-stream-await-drain-writers-in-synchronously-recursion-write.js:
//!   `who_reads_may_write_what_comes_round_to_it`.

mod batches;
mod destroys;
mod ends;
mod marks;
mod operators;
mod parts;
mod pipes;
mod reads;
mod sources;
mod table;
mod text;
mod transforms;
mod writes;
