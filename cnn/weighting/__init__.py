"""How the losses of several tasks become one step of training: the parameter `weighting` of networks.

By their losses, with one backward pass:

    equal         the sum: unitary scalarisation, what all others are measured against
    fixed         weights: a dict of task -> weight, 1 for the others
    uncertainty   a learned log-variance per task
    dwa           temperature (2): more for the tasks whose loss fell least from epoch to epoch
    famo          losses fall at one rate; a second forward pass
    gradnorm      alpha (1.5): gradients of fitting norms at the last shared layer; a short backward pass per task

By their gradients, with one backward pass per task (five tasks: three to five times the time of a step):

    pcgrad        conflicting parts are projected away
    mgda          the shortest convex combination
    cagrad        c (0.4): near the mean, best for the task worst off
    nash-mtl      the bargaining solution
    upgrad        each is projected onto what harms no task

Settings stand behind a name, with their defaults: {"name": "dwa", "temperature": 1}.
"""
