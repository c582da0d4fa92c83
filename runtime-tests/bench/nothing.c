/* The container's program of the benchmark: whatever time passes is the runtime's. */
int main(void) { return 0; }
