"""What `make lab` sets: the first notebook opens, and kernels run in the project's folder as `make reproduce` does."""

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager


class ProjectKernels(AsyncMappingKernelManager):
    """A notebook's `runs/smoke` is then the folder that the command line writes, not one beside the notebook."""

    def cwd_for_path(self, path, **kwargs):
        return self.root_dir


c = get_config()
c.LabApp.default_url = "/lab/tree/notebooks/01_dataset_and_augmentation.py"
c.ServerApp.kernel_manager_class = ProjectKernels
