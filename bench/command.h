/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_COMMAND_H
#define BENCH_COMMAND_H

/* The commands of azimuth-bench: exit status of the process. argv[0] is the
 * command's name. */
int churn_command(int argc, char **argv);
int decode_command(int argc, char **argv);
int filter_command(int argc, char **argv);
int index_command(int argc, char **argv);
int ingest_command(int argc, char **argv);
int search_command(int argc, char **argv);
int load_command(int argc, char **argv);
int multivector_command(int argc, char **argv);
int recover_command(int argc, char **argv);
int sparse_command(int argc, char **argv);
int rows_command(int argc, char **argv);

#endif /* BENCH_COMMAND_H */
