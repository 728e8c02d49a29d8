/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

/* The commands of azimuthctl. argv[0] is the command's name; each prints what
 * it did to standard output and faults to standard error, and returns the exit
 * status. */

int command_backup(int argc, char **argv);
int command_deregister(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_export(int argc, char **argv);
int command_import(int argc, char **argv);
int command_register(int argc, char **argv);
int command_restore(int argc, char **argv);

#endif /* TOOLS_COMMAND_H */
